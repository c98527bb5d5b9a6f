import { describe, expect, it } from 'vitest';
import { configSchema } from '../config.ts';
import { artifact, artifactSet, inspection, now } from './artifact-fixtures.ts';
import { evaluateArtifacts } from './evaluate-artifacts.ts';
import type { Artifact, Inspection } from './facts.ts';

function judge(newest: readonly Artifact[], settings: object = {}) {
  const config = configSchema.parse({
    artifacts: [{ id: 'dumps', bucket: 'nycmg-backups', prefix: 'dumps/', everyMinutes: 1440, ...settings }],
  });
  return evaluateArtifacts([artifactSet(newest)], config, now);
}

const rulesIn = (newest: readonly Artifact[], settings?: object) =>
  judge(newest, settings).findings.map(({ rule, severity, discriminator = '' }) =>
    `${rule} ${severity} ${discriminator}`.trim(),
  );

/** Of every night, the newest three hours old. */
const nightly = (nights = 8, overrides: (night: number) => Partial<Artifact> = () => ({})) =>
  Array.from({ length: nights }, (_, night) => artifact(3 + 24 * night, overrides(night)));

const read = (overrides: Partial<Inspection>, others = nightly().slice(1)) => [
  artifact(3, { inspection: inspection(overrides) }),
  ...others,
];

it('finds nothing in a set of nightly artifacts', () => {
  expect(judge(nightly())).toEqual({ findings: [], unchecked: [] });
});

it('does not pass a set whose configuration is not there', () => {
  const evaluation = evaluateArtifacts([artifactSet(nightly())], configSchema.parse({}), now);
  expect(evaluation.findings).toEqual([]);
  expect(evaluation.unchecked[0]).toMatchObject({ reason: 'not-configured', resource: { name: 'dumps' } });
});

describe('artifact-late', () => {
  it('is critical when there is nothing', () => {
    expect(judge([]).findings).toMatchObject([
      { rule: 'artifact-late', severity: 'critical', evidence: { count: 0, everyMinutes: 1440 } },
    ]);
  });

  it('grants a tenth of the cadence', () => {
    expect(rulesIn([artifact(26.4)])).toEqual([]);
    expect(rulesIn([artifact(26.41)])).toEqual(['artifact-late high']);
  });

  it('grants an hour where that is longer, and no more than the cadence itself', () => {
    expect(rulesIn([artifact(2)], { everyMinutes: 60 })).toEqual([]);
    expect(rulesIn([artifact(2.02)], { everyMinutes: 60 })).toEqual(['artifact-late high']);
    expect(rulesIn([artifact(10 / 60)], { everyMinutes: 5 })).toEqual([]);
    expect(rulesIn([artifact(11 / 60)], { everyMinutes: 5 })).toEqual(['artifact-late high']);
  });

  it('says how old the newest is', () => {
    expect(judge([artifact(50)]).findings[0]).toMatchObject({
      resource: { id: 's3://nycmg-backups/dumps/' },
      evidence: { key: 'dumps/50.dump', ageMinutes: 3000 },
    });
  });

  it('tells of gaps among the latest, and not of those long ago', () => {
    expect(rulesIn([artifact(3), artifact(51), artifact(75)])).toEqual(['artifact-late low gap']);
    expect(rulesIn([artifact(3), artifact(29.4)])).toEqual([]);
    const longAgo = [...nightly(8), artifact(171 + 72)];
    expect(rulesIn(longAgo)).toEqual([]);
    expect(rulesIn([...nightly(7), artifact(147 + 72)])).toEqual(['artifact-late low gap']);
  });

  it('tells of an old backup that was uploaded again', () => {
    const made = (hoursBefore: number) => read({ madeAt: new Date(now.getTime() - (3 + hoursBefore) * 3_600_000) });
    expect(rulesIn(made(1))).toEqual([]);
    // A clock in another time zone, and a dump that takes hours.
    expect(rulesIn(made(-14))).toEqual([]);
    expect(rulesIn(made(52))).toEqual([]);
    expect(rulesIn(made(53))).toEqual(['artifact-late high made-earlier']);
  });

  it('takes an artifact of the future for a new one', () => {
    expect(rulesIn([artifact(-5)])).toEqual([]);
  });
});

describe('artifact-too-small', () => {
  it('is critical for a dump of 0 bytes', () => {
    const findings = judge([artifact(3, { sizeBytes: 0 }), ...nightly().slice(1)]).findings;
    expect(findings).toMatchObject([
      { rule: 'artifact-too-small', severity: 'critical', summary: 'The newest artifact is empty.' },
    ]);
  });

  it('goes by the minimum', () => {
    expect(
      rulesIn(
        nightly(8, () => ({ sizeBytes: 1000 })),
        { minimumBytes: 1000 },
      ),
    ).toEqual([]);
    const newest = nightly(8, (night) => ({ sizeBytes: night === 0 ? 999 : 1000 }));
    expect(rulesIn(newest, { minimumBytes: 1000 })).toEqual(['artifact-too-small high']);
  });

  it('is critical when no artifact is large enough, as of 91 dumps of 3.3 KB', () => {
    const dumps = nightly(91, (night) => ({ sizeBytes: 3379, etag: `e${night}` }));
    expect(judge(dumps, { minimumBytes: 100_000 }).findings).toMatchObject([
      {
        rule: 'artifact-too-small',
        severity: 'critical',
        summary: 'The newest artifact is of 3.3 KiB, less than 97.7 KiB, and so are all before it.',
        evidence: { inARow: 91 },
      },
    ]);
  });

  it('tells of the last week’s, too', () => {
    const earlier = nightly(8, (night) => ({ sizeBytes: night === 2 ? 0 : 1_000_000 }));
    expect(rulesIn(earlier)).toEqual(['artifact-too-small medium earlier']);
    expect(rulesIn([...nightly(8), artifact(200, { sizeBytes: 0 })])).toEqual([]);
  });
});

describe('size-drop', () => {
  const sized = (newest: number) => nightly(10, (night) => ({ sizeBytes: night === 0 ? newest : 1000 + night }));

  it('tells of an artifact that is far smaller than its predecessors', () => {
    expect(rulesIn(sized(400))).toEqual(['size-drop high']);
    expect(rulesIn(sized(990))).toEqual([]);
  });

  it('needs predecessors', () => {
    expect(rulesIn(nightly(3, (night) => ({ sizeBytes: night === 0 ? 10 : 1000 })))).toEqual([]);
  });

  it('leaves to others what is empty, too small or broken', () => {
    expect(rulesIn(sized(0))).toEqual(['artifact-too-small critical']);
    const [newest, ...others] = sized(400);
    const broken = [{ ...(newest as Artifact), inspection: inspection({ fault: 'is cut off' }) }, ...others];
    expect(rulesIn(broken)).toEqual(['artifact-unreadable critical']);
  });

  it('does not count failed predecessors as usual', () => {
    const failed = nightly(10, (night) => ({ sizeBytes: night === 0 ? 400 : night < 6 ? 0 : 1000 }));
    expect(rulesIn(failed)).toEqual(['artifact-too-small medium earlier']);
  });

  it('tells of artifacts that are the same byte for byte, as of 91 identical dumps', () => {
    const same = (count: number) =>
      nightly(91, (night) => ({ sizeBytes: 3379, etag: night < count ? 'same' : `e${night}` }));
    expect(judge(same(91)).findings).toMatchObject([
      { rule: 'size-drop', severity: 'high', discriminator: 'unchanged', evidence: { identical: 91 } },
    ]);
    expect(judge(same(3)).findings).toMatchObject([
      { evidence: { identical: 3, sameSince: '2026-11-20T09:00:00.000Z' } },
    ]);
    expect(rulesIn(same(2))).toEqual([]);
  });

  it('does not take equal sizes, or artifacts without an ETag, for the same', () => {
    expect(rulesIn(nightly(20, () => ({ sizeBytes: 3379 })))).toEqual([]);
    expect(rulesIn(nightly(20, () => ({ etag: undefined })))).toEqual([]);
  });
});

describe('artifact-unreadable', () => {
  it('is critical for the newest, and says what is wrong', () => {
    expect(
      judge(read({ container: 'gzip', fault: 'is cut off: the gzip data ends in the middle' })).findings,
    ).toMatchObject([
      {
        rule: 'artifact-unreadable',
        severity: 'critical',
        summary: 'The newest artifact, dumps/3.dump, is cut off: the gzip data ends in the middle.',
        evidence: { key: 'dumps/3.dump', container: 'gzip', unreadable: 1, read: 1 },
      },
    ]);
  });

  it('is high for an older one', () => {
    const older = [
      artifact(3, { inspection: inspection() }),
      artifact(27, { inspection: inspection({ fault: 'is empty' }) }),
    ];
    expect(rulesIn(older)).toEqual(['artifact-unreadable high']);
  });

  it('says nothing of what was not read, could not be, or is empty', () => {
    expect(rulesIn(nightly())).toEqual([]);
    expect(rulesIn(read({ container: 'not read' }))).toEqual([]);
    const empty = [artifact(3, { sizeBytes: 0, inspection: inspection({ fault: 'is empty' }) }), artifact(27)];
    expect(rulesIn(empty)).toEqual(['artifact-too-small critical']);
  });

  it('shows hostile text as text', () => {
    const [finding] = judge(read({ fault: 'is \u001b[2J damaged' })).findings;
    expect(finding?.summary).toContain('\\u001b[2J');
  });
});

describe('companion-missing', () => {
  it.each(['missing', 'unreadable'] as const)('tells of one that is %s', (companion) => {
    expect(rulesIn(read({ companion }), { companion: 'sha256' })).toEqual(['companion-missing medium']);
  });

  it.each(['not-expected', 'agrees', 'unchecked'] as const)('says nothing when it is %s', (companion) => {
    expect(rulesIn(read({ companion }), { companion: 'sha256' })).toEqual([]);
  });

  it('waits a quarter of an hour for it', () => {
    const young = (minutes: number) => [artifact(minutes / 60, { inspection: inspection({ companion: 'missing' }) })];
    expect(rulesIn(young(15), { companion: 'manifest' })).toEqual([]);
    expect(rulesIn(young(16), { companion: 'manifest' })).toEqual(['companion-missing medium']);
  });
});

describe('checksum-mismatch', () => {
  it('is critical when the bytes are not those of the companion', () => {
    const differs = read({ companion: 'differs', sha256: 'aa', expectedSha256: 'bb' });
    expect(judge(differs).findings).toMatchObject([
      {
        rule: 'checksum-mismatch',
        severity: 'critical',
        evidence: { expected: 'bb', actual: 'aa', algorithm: 'SHA256' },
      },
    ]);
  });

  it('waits for what stands beside an artifact that was written just now', () => {
    const differs = inspection({ companion: 'differs', sha256: 'aa', expectedSha256: 'bb' });
    const written = (minutesAgo: number, others = nightly(3, () => ({ inspection: inspection() }))) =>
      judge([artifact(minutesAgo / 60, { inspection: differs }), ...others]);
    expect(written(16).findings).toMatchObject([{ rule: 'checksum-mismatch', severity: 'critical' }]);
    expect(written(15)).toMatchObject({ findings: [], unchecked: [{ reason: 'companion-in-flight' }] });
    // One that is certain is told all the same.
    const older = nightly(1, () => ({ key: 'dumps/older.dump', inspection: differs }));
    expect(written(15, older).findings).toMatchObject([
      { rule: 'checksum-mismatch', evidence: { key: 'dumps/older.dump', differing: 1 } },
    ]);
  });

  it('is critical when the bytes are not those that S3 took in', () => {
    const altered = { algorithm: 'CRC64NVME', expected: 'x', actual: 'y' };
    expect(judge(read({ altered })).findings).toMatchObject([
      { rule: 'checksum-mismatch', severity: 'critical', evidence: { algorithm: 'CRC64NVME', expected: 'x' } },
    ]);
  });

  it('says nothing when they agree', () => {
    expect(rulesIn(read({ companion: 'agrees', expectedSha256: 'ab'.repeat(32) }))).toEqual([]);
  });
});
