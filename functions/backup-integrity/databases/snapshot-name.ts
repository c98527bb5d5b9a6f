/**
 * Returns when RDS began an automated snapshot, which its name says to the minute (UTC): `rds:nycmg-artists-2026-03-01-06-10`.
 * Undefined for any other name. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html
 */
export function timeInName(name: string): Date | undefined {
  const [, date, hour, minute] = /^rds:.+-(\d{4}-\d{2}-\d{2})-(\d{2})-(\d{2})$/.exec(name) ?? [];
  if (date === undefined) return undefined;
  const time = new Date(`${date}T${hour}:${minute}:00Z`);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
