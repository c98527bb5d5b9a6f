import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatInZone, instantOfWallTime, isTimeZone, offsetMinutes, wallTimeMs } from './time-zone.ts';

const zones = ['UTC', 'America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Pacific/Kiritimati'];
const zone = fc.constantFrom(...zones);
const instant = fc.date({ min: new Date('1972-01-03'), max: new Date('2199-12-30'), noInvalidDate: true });

const wall = (text: string): number => Date.parse(`${text}Z`);

describe('isTimeZone', () => {
  it.each(['UTC', 'America/New_York', 'US/Eastern', 'Etc/GMT+5'])('accepts %s', (text) => {
    expect(isTimeZone(text)).toBe(true);
  });

  it.each(['', 'America', 'America/Gotham', '+05:30', '-0500', 'New York'])('refuses %j', (text) => {
    expect(isTimeZone(text)).toBe(false);
  });
});

describe('offsetMinutes', () => {
  it.each([
    ['UTC', '2026-07-01T00:00:00Z', 0],
    ['America/New_York', '2026-01-01T00:00:00Z', -300],
    ['America/New_York', '2026-07-01T00:00:00Z', -240],
    ['Asia/Kolkata', '2026-07-01T00:00:00Z', 330],
    ['Australia/Lord_Howe', '2026-01-01T00:00:00Z', 660],
    ['Australia/Lord_Howe', '2026-07-01T00:00:00Z', 630],
    ['Africa/Monrovia', '1971-01-01T00:00:00Z', -44.5],
  ])('of %s at %s is %d', (timeZone, at, expected) => {
    expect(offsetMinutes(new Date(at), timeZone)).toBe(expected);
  });

  it('changes at the instant that daylight saving begins', () => {
    const begins = Date.parse('2026-03-08T07:00:00Z');
    expect(offsetMinutes(new Date(begins - 1), 'America/New_York')).toBe(-300);
    expect(offsetMinutes(new Date(begins), 'America/New_York')).toBe(-240);
  });

  it('throws a RangeError for an unknown zone and for an invalid date', () => {
    expect(() => offsetMinutes(new Date(0), 'America/Gotham')).toThrow(RangeError);
    expect(() => offsetMinutes(new Date(Number.NaN), 'UTC')).toThrow(RangeError);
  });

  it('puts the clock where the same zone formats it', () => {
    const formatter = new Map(
      zones.map((timeZone) => [
        timeZone,
        new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }),
      ]),
    );
    fc.assert(
      fc.property(instant, zone, (at, timeZone) => {
        const shown = formatter.get(timeZone)?.format(at);
        expect(new Date(wallTimeMs(at, timeZone)).toISOString().slice(0, 19).replace('T', ' ')).toBe(shown);
      }),
    );
  });
});

describe('instantOfWallTime', () => {
  it.each([
    ['America/New_York', '2026-03-08T02:00:00'],
    ['America/New_York', '2026-03-08T02:59:59'],
    ['Europe/Berlin', '2026-03-29T02:30:00'],
    ['Australia/Lord_Howe', '2026-10-04T02:29:00'],
    ['Pacific/Apia', '2011-12-30T12:00:00'],
  ])('in %s at %s is undefined, because the clocks skip it', (timeZone, text) => {
    expect(instantOfWallTime(wall(text), timeZone)).toBeUndefined();
  });

  it.each([
    ['America/New_York', '2026-03-08T01:59:00', '2026-03-08T06:59:00Z'],
    ['America/New_York', '2026-03-08T03:00:00', '2026-03-08T07:00:00Z'],
    ['Australia/Lord_Howe', '2026-10-04T02:30:00', '2026-10-03T15:30:00Z'],
    ['Pacific/Apia', '2011-12-31T00:00:00', '2011-12-30T10:00:00Z'],
    ['Asia/Kolkata', '2026-03-08T02:30:00', '2026-03-07T21:00:00Z'],
  ])('in %s at %s is %s', (timeZone, text, expected) => {
    expect(instantOfWallTime(wall(text), timeZone)).toEqual(new Date(expected));
  });

  it.each([
    ['America/New_York', '2026-11-01T01:30:00', '2026-11-01T05:30:00Z'],
    ['Europe/Berlin', '2026-10-25T02:00:00', '2026-10-25T00:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-05T01:45:00', '2026-04-04T14:45:00Z'],
  ])('in %s at %s is the first of two instants, %s', (timeZone, text, expected) => {
    expect(instantOfWallTime(wall(text), timeZone)).toEqual(new Date(expected));
  });

  it('gives back the instant of a wall time, or an earlier one that shows the same', () => {
    fc.assert(
      fc.property(instant, zone, (at, timeZone) => {
        const back = instantOfWallTime(wallTimeMs(at, timeZone), timeZone);
        expect(back).toBeDefined();
        if (back === undefined) return;
        expect(back.getTime()).toBeLessThanOrEqual(at.getTime());
        expect(wallTimeMs(back, timeZone)).toBe(wallTimeMs(at, timeZone));
      }),
    );
  });
});

describe('formatInZone', () => {
  it.each([
    ['America/New_York', '2026-11-23T11:00:00Z', '2026-11-23 06:00 -05:00'],
    ['America/New_York', '2026-07-01T03:59:59Z', '2026-06-30 23:59 -04:00'],
    ['Asia/Kolkata', '2026-11-23T11:00:00Z', '2026-11-23 16:30 +05:30'],
    ['UTC', '2026-01-02T03:04:05Z', '2026-01-02 03:04 +00:00'],
    ['Pacific/Marquesas', '2026-01-02T03:04:05Z', '2026-01-01 17:34 -09:30'],
  ])('in %s shows %s as %s', (timeZone, at, expected) => {
    expect(formatInZone(new Date(at), timeZone)).toBe(expected);
  });

  it('tells the two passes of a repeated hour apart', () => {
    expect(formatInZone(new Date('2026-11-01T05:30:00Z'), 'America/New_York')).toBe('2026-11-01 01:30 -04:00');
    expect(formatInZone(new Date('2026-11-01T06:30:00Z'), 'America/New_York')).toBe('2026-11-01 01:30 -05:00');
  });
});
