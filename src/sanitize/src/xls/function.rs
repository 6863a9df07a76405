//! Which functions may a formula call? **The allow list**, by number (MS-XLS 2.5.198.17) and by add-in name.

/// Functions of worksheets. Left out are those of macro sheets (which open files, run programs, talk by DDE), and of the
/// others RTD (379) and CUBE… (380 to 386), which fetch.
const SHEET: &[(u16, u16)] = &[
    (0, 52),
    (56, 78),
    (82, 83),
    (86, 86),
    (97, 102),
    (105, 105),
    (109, 109),
    (111, 121),
    (124, 131),
    (140, 144),
    (148, 148),
    (162, 165),
    (167, 169),
    (183, 184),
    (189, 190),
    (193, 199),
    (204, 216),
    (219, 222),
    (227, 235),
    (244, 244),
    (252, 252),
    (261, 261),
    (269, 332),
    (336, 337),
    (342, 347),
    (350, 354),
    (358, 378),
];

/// Functions that always have as many arguments as their place in this list tells: none, 1, 2, 3, 4.
const FIXED: [&[u16]; 5] = [
    &[10, 19, 34, 35, 63, 74, 221],
    &[
        2, 3, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 32, 33, 38, 67, 68, 69, 71, 72, 73, 75, 76, 77, 83,
        86, 98, 99, 105, 111, 112, 113, 114, 118, 121, 126, 127, 128, 129, 130, 131, 140, 141, 162, 163, 164,
        184, 190, 198, 211, 214, 215, 229, 230, 231, 232, 233, 234, 244, 261, 271, 279, 283, 284, 294, 296,
        298, 342, 343, 347, 352, 360, 368, 369, 370, 371, 372, 373, 374, 375, 376, 377, 378,
    ],
    &[
        27, 30, 39, 48, 97, 117, 165, 212, 213, 252, 274, 275, 276, 285, 288, 299, 303, 304, 305, 306, 307,
        308, 310, 311, 312, 313, 314, 315, 325, 326, 327, 328, 331, 332, 337, 346, 353, 358,
    ],
    &[
        31, 40, 41, 42, 43, 44, 45, 47, 61, 65, 66, 142, 189, 195, 196, 199, 210, 235, 277, 278, 280, 281,
        282, 287, 290, 291, 292, 295, 297, 300, 301, 309, 351,
    ],
    &[119, 143, 207, 273, 286, 289, 293, 302, 316, 350],
];

/// A call of a function by name: its first argument names it.
pub(super) const USER_DEFINED: u16 = 255;
/// HYPERLINK: opens what its first argument names.
pub(super) const HYPERLINK: u16 = 359;

/// Whether a formula may call the function with this number.
pub(super) fn is_allowed(number: u16) -> bool {
    SHEET.iter().any(|&(first, last)| (first..=last).contains(&number))
}

/// How many arguments a function has that always has as many.
pub(super) fn arguments(number: u16) -> Option<u8> {
    FIXED.iter().zip(0..).find_map(|(functions, count)| functions.contains(&number).then_some(count))
}

/// Functions of the Analysis ToolPak, which reads and computes only.
const ADD_IN: &[&str] = &[
    "ACCRINT",
    "ACCRINTM",
    "AMORDEGRC",
    "AMORLINC",
    "BESSELI",
    "BESSELJ",
    "BESSELK",
    "BESSELY",
    "BIN2DEC",
    "BIN2HEX",
    "BIN2OCT",
    "COMPLEX",
    "CONVERT",
    "COUPDAYBS",
    "COUPDAYS",
    "COUPDAYSNC",
    "COUPNCD",
    "COUPNUM",
    "COUPPCD",
    "CUMIPMT",
    "CUMPRINC",
    "DEC2BIN",
    "DEC2HEX",
    "DEC2OCT",
    "DELTA",
    "DISC",
    "DOLLARDE",
    "DOLLARFR",
    "DURATION",
    "EDATE",
    "EFFECT",
    "EOMONTH",
    "ERF",
    "ERFC",
    "FACTDOUBLE",
    "FVSCHEDULE",
    "GCD",
    "GESTEP",
    "HEX2BIN",
    "HEX2DEC",
    "HEX2OCT",
    "IMABS",
    "IMAGINARY",
    "IMARGUMENT",
    "IMCONJUGATE",
    "IMCOS",
    "IMDIV",
    "IMEXP",
    "IMLN",
    "IMLOG10",
    "IMLOG2",
    "IMPOWER",
    "IMPRODUCT",
    "IMREAL",
    "IMSIN",
    "IMSQRT",
    "IMSUB",
    "IMSUM",
    "INTRATE",
    "ISEVEN",
    "ISODD",
    "LCM",
    "MDURATION",
    "MROUND",
    "MULTINOMIAL",
    "NETWORKDAYS",
    "NOMINAL",
    "OCT2BIN",
    "OCT2DEC",
    "OCT2HEX",
    "ODDFPRICE",
    "ODDFYIELD",
    "ODDLPRICE",
    "ODDLYIELD",
    "PRICE",
    "PRICEDISC",
    "PRICEMAT",
    "QUOTIENT",
    "RANDBETWEEN",
    "RECEIVED",
    "SERIESSUM",
    "SQRTPI",
    "TBILLEQ",
    "TBILLPRICE",
    "TBILLYIELD",
    "WEEKNUM",
    "WORKDAY",
    "XIRR",
    "XNPV",
    "YEARFRAC",
    "YIELD",
    "YIELDDISC",
    "YIELDMAT",
    "SUMIFS",
    "COUNTIFS",
    "AVERAGEIF",
    "AVERAGEIFS",
    "IFERROR",
];

/// Whether a formula may call the add-in function of this name.
pub(super) fn is_allowed_add_in(name: &str) -> bool {
    ADD_IN.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_macro_sheets_are_not_allowed() {
        // GOTO, HALT, SET.NAME, EXEC, FOPEN, FWRITE, REGISTER, CALL, INITIATE, POKE, EXECUTE, GET.CELL, GET.WORKSPACE,
        // UNREGISTER, EVALUATE, REGISTER.ID, GET.DOCUMENT, OPEN.DIALOG, RTD, CUBEVALUE, RUN as a command
        for number in [
            53, 54, 88, 110, 132, 138, 149, 150, 175, 177, 178, 185, 186, 188, 201, 255, 257, 267, 355, 379,
            380, 0x8011,
        ] {
            assert!(!is_allowed(number), "{number}");
        }
        for number in [0, 1, 4, 100, 102, 148, 336, 345, 367] {
            assert!(is_allowed(number), "{number}");
        }
        assert!(is_allowed_add_in("edate") && !is_allowed_add_in("SQL.REQUEST"));
    }
}
