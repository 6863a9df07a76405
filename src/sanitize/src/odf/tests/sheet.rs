//! What stands in spreadsheets.

use super::fixture::Fixture;
use crate::options::{Links, Options};
use crate::report::What;

const CELL: &str = "office:value=\"7\"><text:p>7</text:p></table:table-cell>";

#[test]
fn ordinary_formulas_stay() {
    let rebuilt = Fixture::cell("table:formula=\"of:=SUM([.B1:.B3])\"").rebuilt();
    rebuilt.has(&["of:=SUM([.B1:.B3])", CELL], &[]);
    assert!(rebuilt.removed.is_empty());
}

#[test]
fn formulas_that_call_out_leave_their_value() {
    for formula in [
        "of:=COM.MICROSOFT.WEBSERVICE(&quot;http://h/&quot;)",
        "of:=DDE(&quot;soffice&quot;;&quot;x&quot;;&quot;a1&quot;)",
        "of:=['file:///tmp/x.ods'#$Sheet1.A1]",
        "of:=SUM(['http://h/x.ods'#$Sheet1.A1:.B2])",
        "msoxl:=cmd|'/c calc'!A0",
        "of:=HYPERLINK(&quot;file:///x&quot;)",
        "of:=com.microsoft.webservice ([.A1])",
    ] {
        let attributes = format!("table:formula=\"{formula}\" table:number-matrix-rows-spanned=\"1\"");
        let rebuilt = Fixture::cell(&attributes).rebuilt();
        rebuilt.has(&[CELL], &["formula", "matrix"]);
        assert!(!rebuilt.removed.is_empty(), "{formula}");
    }
}

#[test]
fn linked_tables_and_their_caches() {
    let rebuilt = Fixture::sheets(
        "<table:table table:name=\"One\"><table:table-source xlink:href=\"http://h/x.ods\" table:filter-name=\"calc8\"/>\
         <table:table-row><table:table-cell><table:cell-range-source xlink:href=\"http://h/y.ods\"/><text:p>kept</text:p>\
         </table:table-cell></table:table-row></table:table><table:table table:name=\"'file:///x.ods'#$Sheet1\"><table:table-row>\
         <table:table-cell><text:p>cache</text:p></table:table-cell></table:table-row></table:table><table:dde-links>\
         <table:dde-link/></table:dde-links>",
    )
    .rebuilt();
    rebuilt.has(&["kept"], &["source", "http://h", "cache", "file:", "dde"]);
    assert!(rebuilt.lost(What::ExternalReference));
}

#[test]
fn names_conditions_and_validations_that_reach_out() {
    let rebuilt = Fixture::sheets(
        "<table:content-validations><table:content-validation table:name=\"v\" table:condition=\"of:cell-content()=DDE(1)\">\
         <table:error-macro table:execute=\"true\"/></table:content-validation><table:content-validation table:name=\"w\" \
         table:condition=\"of:cell-content()&gt;1\"><table:error-macro/></table:content-validation>\
         </table:content-validations><table:table table:name=\"One\" table:print-ranges=\"'file:///x'#$A.A1\">\
         <calcext:conditional-formats><calcext:conditional-format calcext:target-range-address=\"One.A1\"><calcext:condition \
         calcext:value=\"formula-is(WEBSERVICE(1))\"/></calcext:conditional-format></calcext:conditional-formats></table:table>\
         <table:named-expressions><table:named-range table:name=\"a\" table:cell-range-address=\"'file:///x'#$A.A1\"/>\
         <table:named-range table:name=\"b\" table:cell-range-address=\"$One.$A$1\"/><table:named-expression table:name=\"c\" \
         table:expression=\"of:=DDE(1;2;3)\"/></table:named-expressions>",
    )
    .rebuilt();
    rebuilt.has(
        &["table:name=\"w\"", "table:name=\"b\"", "table:name=\"One\""],
        &[
            "table:name=\"v\"",
            "table:name=\"a\"",
            "table:name=\"c\"",
            "calcext:condition/",
            "DDE",
            "file:",
            "macro",
        ],
    );
    assert!(rebuilt.lost(What::ExternalReference) && rebuilt.lost(What::Macro));
}

#[test]
fn pivot_tables_and_ranges_of_databases() {
    let rebuilt = Fixture::sheets(
        "<table:table table:name=\"One\"/><table:database-ranges><table:database-range table:name=\"r\" \
         table:target-range-address=\"One.A1:One.B2\"><table:database-source-sql table:database-name=\"d\" \
         table:sql-statement=\"DROP\"/></table:database-range></table:database-ranges><table:data-pilot-tables>\
         <table:data-pilot-table table:name=\"p\"><table:source-service table:name=\"s\"/></table:data-pilot-table>\
         <table:data-pilot-table table:name=\"q\"><table:source-cell-range table:cell-range-address=\"One.A1:.B2\"/>\
         </table:data-pilot-table></table:data-pilot-tables>",
    )
    .rebuilt();
    rebuilt.has(&["table:name=\"r\"", "table:name=\"q\""], &["table:name=\"p\"", "sql", "DROP", "service"]);
    assert!(rebuilt.lost(What::DataConnection));
}

#[test]
fn web_addresses_in_formulas_go_when_the_options_say_so() {
    let formula = "table:formula=\"of:=HYPERLINK(&quot;https://h/&quot;;&quot;x&quot;)\"";
    let mut fixture = Fixture::cell(formula);
    fixture.rebuilt().has(&[formula], &[]);
    fixture.options = Options { links: Links::Remove, ..Options::default() };
    let rebuilt = fixture.rebuilt();
    rebuilt.has(&["office:value=\"7\""], &["https", "formula"]);
    assert!(rebuilt.lost(What::Link));
}
