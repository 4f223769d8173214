import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { TrunkNumberFormat } from "../directory.ts";
import { calledNumber, formatNumber, internationalPrefix, isServiceNumber } from "./number.ts";

const CN = { country: "CN", areaCode: "021" };
const FORMATS: readonly TrunkNumberFormat[] = ["dialled", "national", "e164", "idd"];

describe("Chinese numbers", () => {
  const rows: readonly (readonly [dialled: string, national: string, e164: string])[] = [
    ["13800138000", "13800138000", "+8613800138000"],
    ["+8619912345678", "19912345678", "+8619912345678"],
    ["008613800138000", "13800138000", "+8613800138000"],
    ["013800138000", "13800138000", "+8613800138000"],
    ["02155501234", "02155501234", "+862155501234"],
    ["075581234567", "075581234567", "+8675581234567"],
    ["01065512345", "01065512345", "+861065512345"],
    // Local, in the trunk's area.
    ["55501234", "02155501234", "+862155501234"],
  ];
  for (const [dialled, national, e164] of rows)
    test(`${dialled} is ${national} and ${e164}`, () => {
      expect(formatNumber(dialled, "dialled", CN)).toBe(dialled);
      expect(formatNumber(dialled, "national", CN)).toBe(national);
      expect(formatNumber(dialled, "e164", CN)).toBe(e164);
      expect(formatNumber(dialled, "idd", CN)).toBe(`00${e164.slice(1)}`);
    });

  test("emergency, service and hotline numbers stay as dialled, and short ones get no prefix", () => {
    const short = [
      "110",
      "119",
      "120",
      "122",
      "999",
      "10086",
      "1008611",
      "12345",
      "95588",
      "9558801",
      "96110",
    ];
    for (const number of short)
      for (const numberFormat of FORMATS) {
        expect(calledNumber(number, { ...CN, numberFormat, numberPrefix: "9" })).toBe(number);
      }
    for (const number of ["4008001234", "8008101234"])
      for (const format of FORMATS) expect(formatNumber(number, format, CN)).toBe(number);
    expect(formatNumber("+864008001234", "idd", CN)).toBe("4008001234");
  });

  test("without an area a local number stays local", () => {
    expect(formatNumber("55501234", "e164", { country: "CN", areaCode: "" })).toBe("55501234");
  });

  test("the trunk's own prefix stands first", () => {
    const trunk = { ...CN, numberFormat: "national" as const, numberPrefix: "8888" };
    expect(calledNumber("+8613800138000", trunk)).toBe("888813800138000");
    expect(calledNumber("4008001234", trunk)).toBe("88884008001234");
  });
});

describe("numbers elsewhere", () => {
  test("abroad from China", () => {
    for (const dialled of ["00442079460958", "+442079460958"]) {
      expect(formatNumber(dialled, "e164", CN)).toBe("+442079460958");
      expect(formatNumber(dialled, "national", CN)).toBe("00442079460958");
      expect(formatNumber(dialled, "idd", CN)).toBe("00442079460958");
    }
  });
  test("other countries by their own plans", () => {
    const us = { country: "US", areaCode: "212" };
    expect(formatNumber("2125551234", "e164", us)).toBe("+12125551234");
    expect(formatNumber("5551234", "e164", us)).toBe("+12125551234");
    expect(formatNumber("+442079460958", "idd", us)).toBe("011442079460958");
    expect(formatNumber("020 79460958".replace(" ", ""), "e164", { country: "GB", areaCode: "" })).toBe(
      "+442079460958",
    );
    expect(formatNumber("0312345678", "e164", { country: "JP", areaCode: "" })).toBe("+81312345678");
    expect(formatNumber("+81312345678", "national", { country: "JP", areaCode: "" })).toBe("0312345678");
    // Italy keeps its leading zero abroad.
    expect(formatNumber("0669812345", "e164", { country: "IT", areaCode: "" })).toBe("+390669812345");
    expect(internationalPrefix("CN")).toBe("00");
  });
  test("what is no number is left alone", () => {
    for (const odd of ["", "*98", "#31#13800138000", "1001", "+", "+1", "anonymous", "86138", "9".repeat(40)])
      for (const format of FORMATS) expect(formatNumber(odd, format, CN)).toBe(odd);
    expect(formatNumber("13800138000", "e164", { country: "ZZ", areaCode: "" })).toBe("13800138000");
  });
});

const digits = fc.stringMatching(/^\+?\d{1,18}$/);
test("formatting twice is formatting once, and all forms mean the same number", () => {
  fc.assert(
    fc.property(digits, fc.constantFrom(...FORMATS), fc.constantFrom(...FORMATS), (number, first, second) => {
      const once = formatNumber(number, first, CN);
      expect(formatNumber(once, first, CN)).toBe(once);
      expect(formatNumber(once, second === "dialled" ? first : second, CN)).toBe(
        formatNumber(number, second === "dialled" ? first : second, CN),
      );
      expect(once).toMatch(/^\+?\d+$/);
    }),
    { numRuns: 2000 },
  );
});
test("service numbers never change, whatever the trunk", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^(?:1\d{2,7}|9[56]\d{3,6}|\d{3,6})$/),
      fc.constantFrom(...FORMATS),
      (n, f) => {
        expect(isServiceNumber(n, "CN")).toBe(true);
        expect(calledNumber(n, { ...CN, numberFormat: f, numberPrefix: "0" })).toBe(n);
      },
    ),
  );
});
