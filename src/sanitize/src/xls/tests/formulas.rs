//! What formulas may reach.

use super::fixture::*;
use crate::report::What;
use crate::xls::record::code;

const ONE: [u8; 3] = [0x1e, 1, 0];

fn text_token(text: &str) -> Vec<u8> {
    let mut token = vec![0x17, byte(text.len()), 0];
    token.extend(text.bytes());
    token
}

/// A call with a fixed number of arguments, all of them 1.
fn call(arguments: u8, function: u16) -> Vec<u8> {
    let [low, high] = function.to_le_bytes();
    let mut tokens = ONE.repeat(arguments.into());
    tokens.extend([0x42, arguments, low, high]);
    tokens
}

#[test]
fn harmless_formulas_stay_as_they_are() {
    let tokens: &[&[u8]] = &[
        &[0x1e, 1, 0, 0x1e, 2, 0, 0x03],
        &[0x24, 0, 0, 0, 0xc0, 0x25, 0, 0, 1, 0, 0, 0, 1, 0, 0x03],
        &[0x19, 0x40, 0, 1, 0x1e, 1, 0, 0x19, 0x04, 1, 0, 0, 0, 4, 0],
        &[0x1f, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x13],
        &call(1, 4),
        &text_token("http://a/"),
    ];
    for tokens in tokens {
        let cell = formula(number(3.0), tokens, &[]);
        let book = Book::with(vec![cell.clone()]);
        assert_eq!(book.rebuilt().one(code::FORMULA), cell.1, "{tokens:?}");
    }
    // An array constant of a number and a text, and nothing behind it.
    let constant = [&[1, 0, 0, 1][..], &2.0_f64.to_le_bytes(), &[2, 1, 0, 0, b'x']].concat();
    let tokens = [0x60, 0, 0, 0, 0, 0, 0, 0];
    let kept = formula(number(2.0), &tokens, &constant);
    let behind = [&constant[..], b"payload"].concat();
    let rebuilt = Book::with(vec![formula(number(2.0), &tokens, &behind)]).rebuilt();
    assert_eq!(rebuilt.one(code::FORMULA), kept.1);
}

#[test]
fn functions_of_macro_sheets_become_their_value() {
    // CALL, REGISTER, REGISTER.ID, EXEC, INITIATE, EXECUTE, FOPEN, GET.WORKSPACE, EVALUATE, RTD, and RUN as a command.
    for function in [150, 149, 267, 110, 175, 178, 132, 186, 257, 379, 380, 0x8011] {
        let book = Book::with(vec![formula(number(7.5), &call(2, function), &[])]);
        is_seen(&book);
        let rebuilt = book.rebuilt();
        assert!(!rebuilt.has(code::FORMULA), "{function}");
        assert_eq!(rebuilt.one(code::NUMBER)[6..], number(7.5), "{function}");
    }
    // The same with a fixed number of arguments.
    let book = Book::with(vec![formula(number(7.5), &[0x1e, 1, 0, 0x41, 110, 0], &[])]);
    assert!(book.rebuilt().removed(What::MacroSheet));
}

#[test]
fn every_kind_of_value_takes_the_place_of_its_formula() {
    let out = call(1, 110);
    let string = (code::STRING, b"\x05\0\0hello".to_vec());
    let sst = (code::SST, vec![0; 8]);
    let book =
        Book::with(vec![formula([0, 0, 0, 0, 0, 0, 0xff, 0xff], &out, &[]), string]).globals(vec![sst]);
    let rebuilt = book.rebuilt();
    assert_eq!(rebuilt.one(code::LABEL_SST), [0, 0, 0, 0, 15, 0, 0, 0, 0, 0]);
    assert_eq!(rebuilt.one(code::SST), b"\x01\0\0\0\x01\0\0\0\x05\0\0hello");
    assert!(!rebuilt.has(code::STRING));
    for (value, wanted) in
        [([1, 0, 1, 0, 0, 0, 0xff, 0xff], [1, 0]), ([2, 0, 0x2a, 0, 0, 0, 0xff, 0xff], [0x2a, 1])]
    {
        let rebuilt = Book::with(vec![formula(value, &out, &[])]).rebuilt();
        assert_eq!(rebuilt.one(code::BOOL_ERR)[6..], wanted);
    }
    let rebuilt = Book::with(vec![formula([3, 0, 0, 0, 0, 0, 0xff, 0xff], &out, &[])]).rebuilt();
    assert_eq!(rebuilt.one(code::BLANK), [0, 0, 0, 0, 15, 0]);
    // The text never came.
    let rebuilt = Book::with(vec![formula([0, 0, 0, 0, 0, 0, 0xff, 0xff], &out, &[])]).rebuilt();
    assert_eq!(rebuilt.one(code::BLANK), [0, 0, 0, 0, 15, 0]);
}

#[test]
fn text_values_need_no_table_of_strings_to_be_there() {
    let string = (code::STRING, b"\x05\0\0hello".to_vec());
    let book = Book::with(vec![formula([0, 0, 0, 0, 0, 0, 0xff, 0xff], &call(1, 110), &[]), string]);
    assert_eq!(book.rebuilt().one(code::SST), b"\x01\0\0\0\x01\0\0\0\x05\0\0hello");
}

#[test]
fn links_to_other_files_are_gone() {
    for target in
        ["\x01C\x03evil.xls", "\x05\x13http://a.example/b", "\x01\x01@server\x03share", "cmd\x03/c calc"]
    {
        let book =
            Book::with(vec![formula(number(1.0), &far(0), &[]), formula_at(1, number(2.0), &far(1), &[])])
                .globals(vec![
                    other_book(target),
                    (0x0059, vec![1, 0, 0, 0]),
                    (0x005a, vec![0; 9]),
                    own_book(1),
                    links(&[(0, 0, 0), (1, 0, 0)]),
                ]);
        is_seen(&book);
        let rebuilt = book.rebuilt();
        assert!(rebuilt.removed(What::ExternalReference));
        assert!(!rebuilt.holds(target.as_bytes()));
        assert!(!rebuilt.has(0x005a) && !rebuilt.has(0x0059));
        assert_eq!(rebuilt.one(code::SUP_BOOK), [1, 0, 1, 4]);
        // The numbers of the others stay right: the second entry is the workbook's own.
        assert_eq!(rebuilt.one(code::EXTERN_SHEET), [2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0]);
        assert_eq!(rebuilt.one(code::NUMBER)[6..], number(1.0));
        assert_eq!(rebuilt.one(code::FORMULA)[22..], far(1));
    }
}

/// A name of the sheet with this number (from 1).
fn name_of(sheet: u8, flags: u16, text: &str, tokens: &[u8]) -> (u16, Vec<u8>) {
    let (code, mut body) = name(flags, text, tokens);
    body[8] = sheet;
    (code, body)
}

#[test]
fn print_area_in_another_file_is_one_of_its_sheet() {
    let area = |link: u8| [0x3b, link, 0, 0, 0, 9, 0, 0, 0, 3, 0];
    let globals = vec![
        other_book("\x01C\x03old.xls"),
        links(&[(0, 0, 0), (0, 1, 1)]),
        name_of(2, 0x20, "\x06", &area(0)),
        name_of(2, 0x20, "\x06", &area(1)),
        name_of(1, 0x20, "\x06", &[0x3a, 0, 0, 0, 0, 3, 0]),
    ];
    let book = Book::with(vec![]).sheet(Sheet::new("Sheet2", vec![])).globals(globals);
    is_seen(&book);
    let rebuilt = book.rebuilt();
    assert!(rebuilt.removed(What::ExternalReference) && !rebuilt.holds(b"old.xls"));
    assert_eq!(rebuilt.one(code::SUP_BOOK), [2, 0, 1, 4]);
    let gone = [0, 0, 0xff, 0xff, 0xff, 0xff];
    let own = [[0, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0]];
    assert_eq!(rebuilt.one(code::EXTERN_SHEET), [&[4, 0][..], &gone, &gone, &own[0], &own[1]].concat());
    let names = rebuilt.all(code::LBL);
    assert!(names[0].ends_with(&[&[0, 6][..], &area(2)].concat()));
    assert!(names[1].ends_with(&[&[0, 6][..], &area(2)].concat()));
    assert!(names[2].ends_with(&[0, 6, 0x3a, 3, 0, 0, 0, 3, 0]));
}

#[test]
fn no_other_name_is_led_from_another_file_to_a_sheet() {
    let area = [0x3b, 0, 0, 0, 0, 9, 0, 0, 0, 3, 0];
    let call = [&area[..], &ONE, &[0x22, 2, 110, 0]].concat();
    for named in [
        // Of no sheet; of a sheet that is not there, or is emptied; not built in; no area.
        name_of(0, 0x20, "\x06", &area),
        name_of(9, 0x20, "\x06", &area),
        name_of(2, 0x20, "\x06", &area),
        name_of(1, 0, "\x06", &area),
        name_of(1, 0x20, "\x07", &area),
        name_of(1, 0x20, "\x01", &area),
        name_of(1, 0x20, "\x06", &call),
        name_of(1, 0x20, "\x06", &[0x39, 0, 0, 1, 0, 0, 0]),
        name_of(1, 0x20, "\x06", &[0x1b, 0, 0, 0, 0, 9, 0, 0, 0, 3, 0]),
    ] {
        let macros = Sheet { listed: 1, kind: 0x40, ..Sheet::new("Sheet2", vec![]) };
        let book = Book::with(vec![]).sheet(macros).globals(vec![
            other_book("\x01C\x03old.xls"),
            links(&[(0, 0, 0)]),
            named.clone(),
        ]);
        is_seen(&book);
        let rebuilt = book.rebuilt();
        assert!(rebuilt.one(code::LBL).ends_with(&[0x1c, 0x17]), "{named:?}");
        assert_eq!(rebuilt.one(code::EXTERN_SHEET), [1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    }
}

#[test]
fn dde_link_with_its_names_is_gone() {
    let item = (code::EXTERN_NAME, b"\x12\0\0\0\0\0\x03\0abc\0\0".to_vec());
    let book = Book::with(vec![formula(number(1.0), &[0x59, 0, 0, 1, 0, 0, 0], &[])]).globals(vec![
        other_book("cmd\x03/c calc"),
        item,
        links(&[(0, 0xfffe, 0xfffe)]),
    ]);
    is_seen(&book);
    let rebuilt = book.rebuilt();
    assert!(!rebuilt.has(code::EXTERN_NAME) && !rebuilt.has(code::FORMULA) && !rebuilt.holds(b"calc"));
}

#[test]
fn known_add_in_functions_stay_and_others_do_not() {
    let function = |number: u8| [&[0x39, 0, 0, number, 0, 0, 0][..], &ONE, &[0x42, 2, 255, 0]].concat();
    let mut globals = vec![own_book(1)];
    globals.extend(add_in_book(&["EDATE", "SQL.REQUEST"]));
    globals.push(links(&[(1, 0xfffe, 0xfffe)]));
    let book = Book::with(vec![
        formula(number(1.0), &function(1), &[]),
        formula_at(1, number(2.0), &function(2), &[]),
    ])
    .globals(globals);
    is_seen(&book);
    let rebuilt = book.rebuilt();
    assert_eq!(rebuilt.one(code::FORMULA)[22..], function(1));
    assert_eq!(rebuilt.one(code::NUMBER)[6..], number(2.0));
    assert!(rebuilt.holds(b"EDATE") && !rebuilt.holds(b"SQL.REQUEST"));
    assert!(rebuilt.removed(What::Extension));
}

#[test]
fn many_links_to_many_names_take_no_longer() {
    // Each entry once had the list of all names with it, each name compared with all known ones: hours.
    let names = vec!["ZZZZZZ"; 4096];
    let mut globals = vec![own_book(1)];
    globals.extend(add_in_book(&names));
    let (_, entries) = links(&vec![(1, 0, 0); 65_000]);
    let (first, rest) = entries.split_at(2 + 1370 * 6);
    globals.push((code::EXTERN_SHEET, first.to_vec()));
    globals.extend(rest.chunks(1370 * 6).map(|piece| (code::CONTINUE, piece.to_vec())));
    let rebuilt = Book::with(vec![]).globals(globals.clone()).rebuilt();
    assert_eq!(rebuilt.all(code::EXTERN_NAME).len(), 4096);
    globals.extend(add_in_book(&["ZZZZZZ"]));
    assert!(run(&Book::with(vec![]).globals(globals).file()).is_err());
}

#[test]
fn links_over_emptied_sheets_are_found_whatever_their_end() {
    let macros = Sheet { listed: 1, kind: 0x40, ..Sheet::new("Macro1", vec![]) };
    let cells = vec![
        formula(number(7.0), &far(0), &[]),
        formula_at(1, number(7.0), &far(1), &[]),
        formula_at(2, number(7.0), &far(2), &[]),
    ];
    let table = links(&[(0, 0, 1), (0, 1, 0xfffd), (0, 2, 2)]);
    let rebuilt = Book::with(cells)
        .sheet(Sheet::new("Sheet2", vec![]))
        .sheet(macros)
        .globals(vec![own_book(3), table])
        .rebuilt();
    assert_eq!(rebuilt.one(code::FORMULA)[22..], far(0));
}

#[test]
fn many_names_that_run_something_take_no_longer() {
    let names = vec![name(0, "Auto_Open", &ONE); 8_000];
    assert_eq!(Book::with(vec![]).globals(names).rebuilt().all(code::LBL).len(), 8_000);
}

#[test]
fn calls_of_user_defined_functions_become_their_value() {
    let run = [&[0x23, 1, 0, 0, 0][..], &ONE, &[0x42, 2, 255, 0]].concat();
    for flags in [0x0e, 0x02, 0] {
        let book = Book::with(vec![formula(number(5.0), &run, &[])]).globals(vec![name(
            flags,
            "Payload",
            &[0x1c, 0x17],
        )]);
        is_seen(&book);
        let rebuilt = book.rebuilt();
        assert!(!rebuilt.has(code::FORMULA) && rebuilt.removed(What::Macro), "{flags}");
    }
}

#[test]
fn an_add_in_named_elsewhere_does_not_vouch_for_a_call() {
    let add_in = [0x39, 0, 0, 1, 0, 0, 0];
    let payload = [0x23, 1, 0, 0, 0];
    let run = |arguments: u8| [0x42, arguments, 255, 0];
    let mut globals = vec![own_book(1)];
    globals.extend(add_in_book(&["EDATE"]));
    globals.push(links(&[(1, 0xfffe, 0xfffe)]));
    globals.push(name(0, "Payload", &ONE));
    for (tokens, what) in [
        // An argument, beside the call, below it, in a range, in brackets.
        ([&payload[..], &add_in, &run(2)].concat(), What::Macro),
        ([&add_in[..], &payload, &ONE, &run(2), &[0x08]].concat(), What::Macro),
        ([&payload[..], &ONE, &run(2), &add_in, &[0x08]].concat(), What::Macro),
        ([&add_in[..], &payload, &[0x11], &run(1)].concat(), What::Extension),
        ([&add_in[..], &ONE, &run(1)].concat(), What::Macro),
        ([&add_in[..], &run(0)].concat(), What::Macro),
        ([&add_in[..], &run(3)].concat(), What::Macro),
        (add_in.to_vec(), What::Extension),
    ] {
        let book = Book::with(vec![formula(number(5.0), &tokens, &[])]).globals(globals.clone());
        let rebuilt = book.rebuilt();
        assert!(!rebuilt.has(code::FORMULA) && rebuilt.removed(what), "{tokens:02x?}");
    }
    // ABS(EDATE(1, SUM(1))) + -EDATE(1, 1)
    let sum = [&ONE[..], &[0x19, 0x10, 0, 0]].concat();
    let first = [&add_in[..], &ONE, &sum, &run(3), &[0x41, 24, 0]].concat();
    let tokens = [&first[..], &add_in, &ONE, &ONE, &run(3), &[0x13, 0x03]].concat();
    let cell = formula(number(5.0), &tokens, &[]);
    assert_eq!(Book::with(vec![cell.clone()]).globals(globals).rebuilt().one(code::FORMULA), cell.1);
}

#[test]
fn names_that_excel_runs_are_renamed() {
    for (flags, text) in [
        (0x20, "\x01"),
        (0x21, "\x02"),
        (0x20, "\x0a"),
        (0x20, "\x0b"),
        (0, "Auto_Open"),
        (0, "AUTO_CLOSE"),
        (0, "auto_open_x"),
        (0, "Auto_Op\x01en"),
        (1, "_xlnm.Auto_Activate"),
        (0x0c, "Run"),
        (0x0e, "Compute"),
        (1, "_xlfn.WEBSERVICE"),
        (0, "_XLWS.FILTER"),
        (0, "_xludf.run"),
    ] {
        let book = Book::with(vec![]).globals(vec![name(flags, text, &ONE), name(0, "Good", &ONE)]);
        is_seen(&book);
        let rebuilt = book.rebuilt();
        let names = rebuilt.all(code::LBL);
        assert_eq!(names.len(), 2);
        assert_eq!(names[0], b"\x01\0\0\x09\x02\0\0\0\0\0\0\0\0\0\0removed_1\x1c\x17", "{text:?}");
        assert!(names[1].ends_with(b"\0Good\x1e\x01\0"));
        assert!(!rebuilt.holds(b"uto_"));
    }
}

#[test]
fn a_new_name_is_no_ones_elses() {
    let book = Book::with(vec![]).globals(vec![name(0, "Auto_Open", &ONE), name(0, "REMOVED_1", &ONE)]);
    assert!(book.rebuilt().holds(b"removed_1_"));
}

#[test]
fn names_that_use_refused_names_are_refused() {
    let use_of = |number: u8| vec![0x23, number, 0, 0, 0];
    let book =
        Book::with(vec![formula(number(1.0), &use_of(1), &[]), formula_at(1, number(2.0), &use_of(4), &[])])
            .globals(vec![
                name(0, "a", &use_of(2)),
                name(0, "b", &use_of(3)),
                name(0, "c", &call(1, 110)),
                name(0, "loop", &use_of(4)),
            ]);
    is_seen(&book);
    let rebuilt = book.rebuilt();
    let names = rebuilt.all(code::LBL);
    assert!(names[..3].iter().all(|name| name.ends_with(&[0x1c, 0x17])));
    assert_eq!(rebuilt.one(code::NUMBER)[6..], number(1.0));
    assert_eq!(rebuilt.one(code::FORMULA)[22..], use_of(4));
}

#[test]
fn print_area_elsewhere_is_no_print_area_any_more() {
    let book = Book::with(vec![]).globals(vec![
        other_book("x.xls"),
        links(&[(0, 0, 0)]),
        name(0x20, "\x06", &far(0)),
        name(0x20, "\x06", &ONE),
    ]);
    let names = book.rebuilt().all(code::LBL);
    assert!(names[0].starts_with(&[1, 0, 0, 9]) && names[1].starts_with(&[0x20, 0, 0, 1]));
}

#[test]
fn shared_and_array_formulas_are_read_too() {
    let exp = [0x01, 0, 0, 0, 0];
    let out = call(1, 110);
    let mut shared = vec![0, 0, 1, 0, 0, 0, 0, 2];
    shared.extend(short(out.len()));
    shared.extend(&out);
    let mut array = vec![0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    array.extend(short(out.len()));
    array.extend(&out);
    for (code, range) in [(code::SHARED_FORMULA, shared), (code::ARRAY, array)] {
        let book = Book::with(vec![
            formula(number(1.0), &exp, &[]),
            (code, range),
            formula_at(1, number(2.0), &exp, &[]),
        ]);
        is_seen(&book);
        let rebuilt = book.rebuilt();
        assert!(!rebuilt.has(code) && !rebuilt.has(code::FORMULA));
        assert_eq!(rebuilt.all(code::NUMBER).len(), 2);
    }
    // One that leads to no formula at all.
    assert!(!Book::with(vec![formula(number(1.0), &exp, &[])]).rebuilt().has(code::FORMULA));
    // A harmless one.
    let sum = [0x1e, 1, 0];
    let range = [&[0, 0, 1, 0, 0, 0, 0, 2, 3, 0][..], &sum].concat();
    let book = Book::with(vec![formula(number(1.0), &exp, &[]), (code::SHARED_FORMULA, range.clone())]);
    let rebuilt = book.rebuilt();
    assert_eq!(rebuilt.one(code::SHARED_FORMULA), range);
    assert!(rebuilt.has(code::FORMULA));
}

#[test]
fn hyperlink_function_needs_a_literal_web_address() {
    let hyperlink = |first: &[u8]| [first, &text_token("click"), &[0x42, 2, 0x67, 1]].concat();
    let good = hyperlink(&text_token("https://a.example/"));
    let cell = formula(number(0.0), &good, &[]);
    assert_eq!(Book::with(vec![cell.clone()]).rebuilt().one(code::FORMULA), cell.1);
    let joined = [text_token("http://a"), text_token("b"), vec![0x08]].concat();
    for bad in [
        hyperlink(&text_token("file:///c:/x.exe")),
        hyperlink(&text_token("\\\\server\\x")),
        hyperlink(&text_token("javascript:x")),
        hyperlink(&joined),
        hyperlink(&[0x44, 0, 0, 0, 0]),
        [&good[..], &text_token("x"), &[0x08]].concat(),
    ] {
        let book = Book::with(vec![formula(number(0.0), &bad, &[])]);
        is_seen(&book);
        assert!(book.rebuilt().removed(What::Link), "{bad:?}");
    }
}

#[test]
fn tokens_that_are_not_known_end_a_formula() {
    for tokens in [
        &[0x18, 0x1d, 0, 0, 0, 0][..],
        &[0x1a],
        &[0x00],
        &[0x80],
        &[0x1e],
        &[0x17, 9, 0, b'x'],
        &[0x43, 9, 0, 0, 0],
    ] {
        let book = Book::with(vec![formula(number(4.0), tokens, &[])]);
        is_seen(&book);
        assert!(!book.rebuilt().has(code::FORMULA), "{tokens:?}");
    }
    let cut = (code::FORMULA, formula(number(4.0), &ONE, &[]).1[..24].to_vec());
    assert!(run(&Book::with(vec![cut]).file()).is_err());
}

#[test]
fn formulas_of_older_versions_are_read_as_well() {
    for old in [0x0206, 0x0406] {
        let book = Book::with(vec![(old, formula(number(4.0), &call(1, 110), &[]).1)]);
        is_seen(&book);
        let rebuilt = book.rebuilt();
        assert!(!rebuilt.has(old) && rebuilt.has(code::NUMBER));
    }
}

#[test]
fn rules_of_formatting_and_validation_are_read() {
    let out = call(1, 110);
    let size = byte(out.len());
    let condition = [&[2, 0, size, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &out].concat();
    let mut validation = vec![0; 4];
    validation.extend([0; 12]);
    validation.extend([size, 0, 0, 0]);
    validation.extend(&out);
    validation.extend([0, 0, 0, 0, 0, 0]);
    let mut good = vec![0; 16];
    good.extend([3, 0, 0, 0, 0x1e, 1, 0, 0, 0, 0, 0, 0, 0]);
    let mut count = vec![0; 18];
    count[14] = 2;
    let book = Book::with(vec![
        (0x01b0, vec![0; 14]),
        (code::CONDITION, condition),
        (code::VALIDATIONS, count),
        (code::VALIDATION, validation),
        (code::VALIDATION, good.clone()),
    ]);
    is_seen(&book);
    let rebuilt = book.rebuilt();
    assert_eq!(rebuilt.one(code::CONDITION), [2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x1d, 0]);
    assert_eq!(rebuilt.one(code::VALIDATION), good);
    assert_eq!(rebuilt.one(code::VALIDATIONS)[14], 1);
}

#[test]
fn bytes_behind_formulas_and_formatting_are_gone() {
    let exp = [0x01, 0, 0, 0, 0];
    let shared = [0, 0, 1, 0, 0, 0, 0, 2, 3, 0, 0x1e, 1, 0];
    let array = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0x1e, 1, 0];
    for (code, kept) in [(code::SHARED_FORMULA, &shared[..]), (code::ARRAY, &array)] {
        let mut record = [kept, b"payload"].concat();
        if code == code::ARRAY {
            record[8..12].copy_from_slice(b"hide");
        }
        let rebuilt = Book::with(vec![formula(number(1.0), &exp, &[]), (code, record)]).rebuilt();
        assert_eq!(rebuilt.one(code), kept);
    }
    let mut validation = vec![0; 16];
    validation.extend([3, 0, 0, 0, 0x1e, 1, 0, 0, 0, 0, 0, 1, 0, 7, 0, 7, 0, 1, 0, 1, 0]);
    let longer = [&validation[..], b"payload"].concat();
    let rebuilt = Book::with(vec![(code::VALIDATION, longer)]).rebuilt();
    assert_eq!(rebuilt.one(code::VALIDATION), validation);
    let rule = |formatting: &[u8], rest: &[u8]| [&[2, 0, 3, 0, 0, 0][..], formatting, rest, &ONE].concat();
    // A pattern; a number format of the user's with a size; protection that is not there.
    let pattern: &[u8] = &[0, 0, 0, 0x20, 0, 0, 1, 2, 3, 4];
    let format: &[u8] = &[0, 0, 0, 0x02, 1, 0, 6, 0, 1, 0, 0, b'0'];
    for formatting in [pattern, format] {
        let rebuilt = Book::with(vec![(code::CONDITION, rule(formatting, b"payload"))]).rebuilt();
        assert_eq!(rebuilt.one(code::CONDITION), rule(formatting, b""));
    }
    let cut = rule(&[0, 0, 0, 0x40, 0, 0], b"");
    assert_eq!(Book::with(vec![(code::CONDITION, cut)]).rebuilt().one(code::CONDITION), rule(&[0; 6], b""));
}

#[test]
fn chart_that_reads_another_file_keeps_what_it_shows() {
    let reference = |tokens: &[u8]| [&[1, 2, 0, 0, 0, 0, byte(tokens.len()), 0][..], tokens].concat();
    let chart = Sheet {
        listed: 2,
        kind: 0x20,
        ..Sheet::new(
            "Chart1",
            vec![(code::CHART_REFERENCE, reference(&far(0))), (code::CHART_REFERENCE, reference(&far(1)))],
        )
    };
    let book = Book::with(vec![]).sheet(chart).globals(vec![
        other_book("x.xls"),
        own_book(2),
        links(&[(0, 0, 0), (1, 0, 0)]),
    ]);
    let rebuilt = book.rebuilt();
    let found = rebuilt.all(code::CHART_REFERENCE);
    assert_eq!(found[0], [1, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(found[1], reference(&far(1)));
}
