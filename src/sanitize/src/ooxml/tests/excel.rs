//! Excel: macro sheets, names, formulas, connections.

use super::fixture::{Fixture, OX};
use crate::options::{Links, Options};
use crate::report::What;

const MACROSHEET: &str =
    "<xm:macrosheet xmlns:xm=\"http://schemas.microsoft.com/office/excel/2006/main\"><evil/></xm:macrosheet>";
const MACROSHEET_RELATION: &str = "http://schemas.microsoft.com/office/2006/relationships/xlMacrosheet";

fn cell(formula: &str) -> String {
    format!("<row r=\"1\"><c r=\"A1\"><f>{formula}</f><v>42</v></c></row>")
}

#[test]
fn a_clean_workbook_keeps_its_cells() {
    let rows = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>words</t></is></c><c r=\"B1\"><f>SUM(C1:C9)</f><v>7</v></c></row>";
    let clean = Fixture::excel(rows, "").rebuilt();
    assert!(clean.removed.is_empty());
    assert!(clean.text("xl/worksheets/sheet1.xml").contains(rows));
}

#[test]
fn macro_sheets_whatever_their_state() {
    for state in ["", "state=\"hidden\"", "state=\"veryHidden\""] {
        let sheets = format!(
            "<sheet name=\"Macro1\" sheetId=\"1\" {state} r:id=\"rId2\"/><sheet name=\"Data\" sheetId=\"2\" r:id=\"rId3\"/>"
        );
        let names = "<definedNames><definedName name=\"_xlnm.Auto_Open\" hidden=\"1\">Macro1!$A$1</definedName>\
                     <definedName name=\"Area\" localSheetId=\"1\">Data!$A$1</definedName>\
                     <definedName name=\"Other\" localSheetId=\"0\">1</definedName></definedNames>";
        let clean = Fixture::workbook(&sheets, names)
            .sheet(
                "xl/worksheets/sheet1.xml",
                "rId3",
                &format!("<sheetData>{}</sheetData>", cell("Macro1!A1")),
            )
            .part("xl/macrosheets/sheet1.xml", "application/vnd.ms-excel.macrosheet+xml", MACROSHEET)
            .link("xl/workbook.xml", "rId2", MACROSHEET_RELATION, "xl/macrosheets/sheet1.xml")
            .rebuilt();
        clean.assert_gone(What::MacroSheet, &["evil", "Macro1", "Auto_Open", "Other"]);
        let workbook = clean.text("xl/workbook.xml");
        assert!(workbook.contains("<definedName name=\"Area\" localSheetId=\"0\">"), "{workbook}");
        assert!(clean.text("xl/worksheets/sheet1.xml").contains("<v>42</v>"));
    }
}

#[test]
fn macro_sheet_under_the_type_and_relation_of_a_worksheet() {
    let sheets = "<sheet name=\"Macro1\" sheetId=\"1\" r:id=\"rId2\"/><sheet name=\"Data\" sheetId=\"2\" r:id=\"rId3\"/>";
    let failure = Fixture::workbook(sheets, "")
        .sheet("xl/worksheets/sheet2.xml", "rId3", "<sheetData/>")
        .part("xl/worksheets/sheet1.xml", &format!("{OX}spreadsheetml.worksheet+xml"), MACROSHEET)
        .link("xl/workbook.xml", "rId2", "worksheet", "xl/worksheets/sheet1.xml")
        .refusal();
    assert!(failure.to_string().contains("root element"), "{failure}");
}

#[test]
fn nothing_but_macro_sheets() {
    let failure = Fixture::workbook("<sheet name=\"Macro1\" sheetId=\"1\" r:id=\"rId2\"/>", "")
        .part("xl/macrosheets/sheet1.xml", "application/vnd.ms-excel.macrosheet+xml", MACROSHEET)
        .link("xl/workbook.xml", "rId2", MACROSHEET_RELATION, "xl/macrosheets/sheet1.xml")
        .refusal();
    assert!(failure.to_string().contains("no sheet"), "{failure}");
}

#[test]
fn a_hidden_sheet_is_shown_when_no_other_is_left() {
    let sheets = "<sheet name=\"Macro1\" sheetId=\"1\" r:id=\"rId2\"/><sheet name=\"Data\" sheetId=\"2\" state=\"hidden\" r:id=\"rId3\"/>";
    let clean = Fixture::workbook(sheets, "")
        .sheet("xl/worksheets/sheet1.xml", "rId3", "<sheetData/>")
        .part("xl/macrosheets/sheet1.xml", "application/vnd.ms-excel.macrosheet+xml", MACROSHEET)
        .link("xl/workbook.xml", "rId2", MACROSHEET_RELATION, "xl/macrosheets/sheet1.xml")
        .rebuilt();
    assert!(!clean.text("xl/workbook.xml").contains("hidden"));
}

#[test]
fn names_that_run_macros() {
    for name in [
        "Auto_Open",
        "AUTO_OPEN",
        "auto_open_x",
        "_xlnm.Auto_Open",
        "Auto_Close",
        "Auto_Activate",
        "Auto.Open",
    ] {
        let names = format!("<definedNames><definedName name=\"{name}\">1</definedName></definedNames>");
        Fixture::excel("", &names).rebuilt().assert_gone(What::MacroSheet, &["definedName", name]);
    }
    let names =
        "<definedNames><definedName name=\"evil\" xlm=\"1\" function=\"1\">1</definedName></definedNames>";
    Fixture::excel("", names).rebuilt().assert_gone(What::MacroSheet, &["evil"]);
}

#[test]
fn formulas_that_reach_out_leave_their_value() {
    for formula in [
        "cmd|'/c evil'!A0",
        "WEBSERVICE(\"http://evil\")",
        "_xlfn.WEBSERVICE(\"evil\")",
        "CALL(\"evil\")",
        "RTD(\"evil\",,1)",
        "[1]evil!A1",
        "HYPERLINK(\"file:///evil\",1)",
        "IMAGE(\"http://evil\")",
    ] {
        let clean = Fixture::excel(&cell(formula), "").rebuilt();
        assert!(!clean.everything().contains("evil"), "{formula}");
        assert!(!clean.removed.is_empty());
        assert!(clean.text("xl/worksheets/sheet1.xml").contains("<c r=\"A1\"><v>42</v></c>"), "{formula}");
    }
}

#[test]
fn web_links_go_on_request() {
    let linked = Fixture::excel(&cell("HYPERLINK(\"https://example.org/\",1)"), "");
    let clean = linked.rebuilt_choosing(&Options { links: Links::Remove, ..Options::default() });
    clean.assert_gone(What::Link, &["example.org"]);
    assert!(clean.text("xl/worksheets/sheet1.xml").contains("<c r=\"A1\"><v>42</v></c>"));
    assert!(linked.rebuilt().everything().contains("example.org"));
}

#[test]
fn shared_formulas_go_with_their_first() {
    let rows = "<row r=\"1\"><c r=\"A1\"><f t=\"shared\" ref=\"A1:A2\" si=\"0\">RTD(\"evil\",,1)</f><v>1</v></c><c r=\"A2\"><f t=\"shared\" si=\"0\"/><v>2</v></c>\
                <c r=\"B1\"><f t=\"shared\" ref=\"B1:B2\" si=\"1\">C1+1</f><v>1</v></c><c r=\"B2\"><f t=\"shared\" si=\"1\"/><v>2</v></c></row>";
    let clean = Fixture::excel(rows, "").rebuilt();
    let sheet = clean.text("xl/worksheets/sheet1.xml");
    assert!(
        sheet.contains("<c r=\"A2\"><v>2</v></c>")
            && sheet.contains("<f t=\"shared\" si=\"1\"/>")
            && !sheet.contains("si=\"0\""),
        "{sheet}"
    );
}

#[test]
fn external_links_and_their_names() {
    let clean = Fixture::excel("", "<externalReferences><externalReference r:id=\"rId5\"/></externalReferences><definedNames><definedName name=\"N\">[1]S!$A$1</definedName></definedNames>")
        .part("xl/externalLinks/externalLink1.xml", &format!("{OX}spreadsheetml.externalLink+xml"), "<ddeLink ddeService=\"cmd\" ddeTopic=\"evil\"/>")
        .link("xl/workbook.xml", "rId5", "externalLink", "xl/externalLinks/externalLink1.xml")
        .rebuilt();
    clean.assert_gone(What::ExternalReference, &["evil", "externalReference", "[1]"]);
    assert!(clean.text("xl/workbook.xml").contains("<definedName name=\"N\">#REF!</definedName>"));
}

#[test]
fn connections_and_query_tables() {
    let table = "<table xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" id=\"1\" tableType=\"queryTable\" connectionId=\"1\"><tableColumns><tableColumn id=\"1\" name=\"a\" queryTableFieldId=\"1\"/></tableColumns></table>";
    let clean = Fixture::workbook("<sheet name=\"One\" sheetId=\"1\" r:id=\"rId1\"/>", "")
        .sheet(
            "xl/worksheets/sheet1.xml",
            "rId1",
            "<sheetData/><tableParts count=\"1\"><tablePart r:id=\"rId1\"/></tableParts>",
        )
        .part("xl/tables/table1.xml", &format!("{OX}spreadsheetml.table+xml"), table)
        .link("xl/worksheets/sheet1.xml", "rId1", "table", "xl/tables/table1.xml")
        .part("xl/queryTables/queryTable1.xml", &format!("{OX}spreadsheetml.queryTable+xml"), "<queryTable/>")
        .link("xl/tables/table1.xml", "rId1", "queryTable", "xl/queryTables/queryTable1.xml")
        .part(
            "xl/connections.xml",
            &format!("{OX}spreadsheetml.connections+xml"),
            "<connections><dbPr connection=\"evil\"/></connections>",
        )
        .link("xl/workbook.xml", "rId6", "connections", "xl/connections.xml")
        .rebuilt();
    clean.assert_gone(What::DataConnection, &["evil", "connection", "queryTable"]);
    assert!(clean.text("xl/tables/table1.xml").contains("tableColumn id=\"1\""));
}

fn pivot(source: &str) -> Fixture {
    let s = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
    Fixture::workbook(
        "<sheet name=\"One\" sheetId=\"1\" r:id=\"rId1\"/>",
        "<pivotCaches><pivotCache cacheId=\"1\" r:id=\"rId7\"/></pivotCaches>",
    )
    .sheet("xl/worksheets/sheet1.xml", "rId1", "<sheetData/>")
    .part(
        "xl/pivotCache/c.xml",
        &format!("{OX}spreadsheetml.pivotCacheDefinition+xml"),
        &format!("<pivotCacheDefinition {s}>{source}</pivotCacheDefinition>"),
    )
    .link("xl/workbook.xml", "rId7", "pivotCacheDefinition", "xl/pivotCache/c.xml")
    .part(
        "xl/pivotTables/p.xml",
        &format!("{OX}spreadsheetml.pivotTable+xml"),
        &format!("<pivotTableDefinition {s} name=\"P\" cacheId=\"1\"/>"),
    )
    .link("xl/worksheets/sheet1.xml", "rId1", "pivotTable", "xl/pivotTables/p.xml")
    .link("xl/pivotTables/p.xml", "rId1", "pivotCacheDefinition", "xl/pivotCache/c.xml")
}

#[test]
fn pivot_tables_over_the_workbook_stay_and_over_a_connection_go() {
    let clean =
        pivot("<cacheSource type=\"worksheet\"><worksheetSource ref=\"A1:B2\" sheet=\"One\"/></cacheSource>")
            .rebuilt();
    assert!(clean.removed.is_empty() && clean.text("xl/workbook.xml").contains("pivotCache "));
    let clean = pivot("<cacheSource type=\"external\" connectionId=\"1\"/>").rebuilt();
    clean.assert_gone(What::DataConnection, &["pivotCache", "pivotTable"]);
}

#[test]
fn controls_objects_and_printer_settings_of_a_sheet() {
    let content = "<sheetData/><pageSetup orientation=\"portrait\" r:id=\"rId1\"/><legacyDrawing r:id=\"rId2\"/>\
                   <oleObjects><mc:AlternateContent><mc:Choice Requires=\"x14\"><oleObject progId=\"evil\" r:id=\"rId3\"/></mc:Choice></mc:AlternateContent></oleObjects>\
                   <controls><control shapeId=\"1\" r:id=\"rId4\" name=\"evil\"/></controls>";
    let vml = "<xml xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns:x=\"urn:schemas-microsoft-com:office:excel\"><v:shape id=\"b\"><v:textbox><div style=\"text-align:center\"><font>Caption</font></div></v:textbox><x:ClientData ObjectType=\"Button\"><x:FmlaMacro>evil</x:FmlaMacro></x:ClientData></v:shape></xml>";
    let clean = Fixture::workbook("<sheet name=\"One\" sheetId=\"1\" r:id=\"rId1\"/>", "")
        .sheet("xl/worksheets/sheet1.xml", "rId1", content)
        .part("xl/printerSettings/p.bin", &format!("{OX}spreadsheetml.printerSettings"), "printer")
        .link("xl/worksheets/sheet1.xml", "rId1", "printerSettings", "xl/printerSettings/p.bin")
        .part("xl/drawings/v.vml", &format!("{OX}vmlDrawing"), vml)
        .link("xl/worksheets/sheet1.xml", "rId2", "vmlDrawing", "xl/drawings/v.vml")
        .part("xl/embeddings/o.bin", &format!("{OX}oleObject"), "evil")
        .link("xl/worksheets/sheet1.xml", "rId3", "oleObject", "xl/embeddings/o.bin")
        .part("xl/ctrlProps/c.xml", "application/vnd.ms-excel.controlproperties+xml", "<formControlPr/>")
        .link("xl/worksheets/sheet1.xml", "rId4", "ctrlProp", "xl/ctrlProps/c.xml")
        .rebuilt();
    clean.assert_gone(What::EmbeddedObject, &["evil", "printer", "oleObject", "control"]);
    assert!(clean.lost(What::Control) && clean.lost(What::PrinterSettings) && clean.lost(What::Macro));
    assert!(
        clean
            .text("xl/worksheets/sheet1.xml")
            .contains("<pageSetup orientation=\"portrait\"/><legacyDrawing r:id=\"rId2\"/>")
    );
    assert!(clean.text("xl/drawings/vmlDrawing1.vml").contains("Caption"));
}

#[test]
fn links_of_cells() {
    let content = "<sheetData/><hyperlinks><hyperlink ref=\"A1\" r:id=\"rId1\"/><hyperlink ref=\"A2\" r:id=\"rId2\"/></hyperlinks>";
    let workbook = Fixture::workbook("<sheet name=\"One\" sheetId=\"1\" r:id=\"rId1\"/>", "").sheet(
        "xl/worksheets/sheet1.xml",
        "rId1",
        content,
    );
    let clean = workbook
        .clone()
        .external("xl/worksheets/sheet1.xml", "rId1", "hyperlink", "file:///evil")
        .external("xl/worksheets/sheet1.xml", "rId2", "hyperlink", "mailto:a@example.org")
        .rebuilt();
    clean.assert_gone(What::Link, &["evil", "ref=\"A1\""]);
    assert!(clean.everything().contains("mailto:a@example.org"));
    let clean = workbook.rebuilt();
    assert!(!clean.everything().contains("hyperlink"));
}

#[test]
fn formulas_elsewhere() {
    let content = "<sheetData/><conditionalFormatting sqref=\"A1\"><cfRule type=\"expression\"><formula>WEBSERVICE(\"evil\")=1</formula></cfRule></conditionalFormatting>\
                   <dataValidations><dataValidation sqref=\"A1\"><formula1>cmd|'evil'!A0</formula1></dataValidation></dataValidations>";
    let clean = Fixture::workbook("<sheet name=\"One\" sheetId=\"1\" r:id=\"rId1\"/>", "")
        .sheet("xl/worksheets/sheet1.xml", "rId1", content)
        .rebuilt();
    clean.assert_gone(What::ExternalReference, &["evil"]);
}
