//! PowerPoint: objects, actions, media.

use super::fixture::{Fixture, OX};
use crate::report::What;

fn shape(click: &str) -> String {
    format!(
        "<p:sp><p:nvSpPr><p:cNvPr id=\"2\" name=\"s\">{click}</p:cNvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>words</a:t></a:r></a:p></p:txBody></p:sp>"
    )
}

#[test]
fn a_clean_slide_keeps_its_text() {
    let clean = Fixture::slide(&shape(""), "").rebuilt();
    assert!(clean.removed.is_empty());
    assert!(clean.text("ppt/slides/slide1.xml").contains("words"));
}

#[test]
fn actions_that_run() {
    for action in [
        "ppaction://macro?name=evil",
        "ppaction://program",
        "ppaction://ole?verb=0",
        "ppaction://hlinkfile",
        "ppaction://hlinkpres?slide=evil",
        "PPACTION://macro?name=evil",
        "evil",
    ] {
        let click = format!("<a:hlinkClick r:id=\"rId5\" action=\"{action}\"/>");
        let clean = Fixture::slide(&shape(&click), "")
            .external("ppt/slides/slide1.xml", "rId5", "hyperlink", "file:///evil.exe")
            .rebuilt();
        clean.assert_gone(What::Action, &["evil", "hlinkClick", "ppaction"]);
    }
}

#[test]
fn moves_between_slides_stay() {
    let click = "<a:hlinkClick r:id=\"\" action=\"ppaction://hlinkshowjump?jump=nextslide\"/>";
    let clean = Fixture::slide(&shape(click), "").rebuilt();
    assert!(clean.removed.is_empty() && clean.everything().contains("nextslide"));
}

const OBJECT: &str = "<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id=\"7\" name=\"Object 7\"/></p:nvGraphicFramePr><p:xfrm><a:off x=\"1\" y=\"2\"/><a:ext cx=\"3\" cy=\"4\"/></p:xfrm>\
    <a:graphic><a:graphicData uri=\"http://schemas.openxmlformats.org/presentationml/2006/ole\"><mc:AlternateContent>\
    <mc:Choice xmlns:v=\"urn:schemas-microsoft-com:vml\" Requires=\"v\"><p:oleObj spid=\"1\" r:id=\"rId5\" progId=\"Package\"><p:embed/></p:oleObj></mc:Choice>\
    <mc:Fallback><p:oleObj r:id=\"rId5\" progId=\"Package\"><p:embed/><p:pic><p:nvPicPr><p:cNvPr id=\"0\" name=\"\"/><p:cNvPicPr/><p:nvPr/></p:nvPicPr>\
    <p:blipFill><a:blip r:embed=\"rId6\"/></p:blipFill><p:spPr/></p:pic></p:oleObj></mc:Fallback></mc:AlternateContent></a:graphicData></a:graphic></p:graphicFrame>";

#[test]
fn an_object_becomes_its_picture() {
    let clean = Fixture::slide(OBJECT, "")
        .part("ppt/embeddings/o.bin", &format!("{OX}oleObject"), "payload")
        .link("ppt/slides/slide1.xml", "rId5", "oleObject", "ppt/embeddings/o.bin")
        .part("ppt/media/i.wmf", "image/x-wmf", "no picture")
        .link("ppt/slides/slide1.xml", "rId6", "image", "ppt/media/i.wmf")
        .rebuilt();
    clean.assert_gone(What::EmbeddedObject, &["payload", "oleObj", "rId5", "graphicFrame"]);
    let slide = clean.text("ppt/slides/slide1.xml");
    assert!(
        slide.contains("<p:cNvPr id=\"7\" name=\"Object 7\"/>")
            && slide.contains("<a:blip r:embed=\"rId6\"/>"),
        "{slide}"
    );
    assert!(slide.contains("<p:spPr><a:xfrm><a:off x=\"1\" y=\"2\"/>"), "{slide}");
}

#[test]
fn an_object_of_2007_becomes_its_picture() {
    let object = "<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id=\"7\" name=\"Object 7\"/></p:nvGraphicFramePr><p:xfrm><a:off x=\"1\" y=\"2\"/></p:xfrm>\
        <a:graphic><a:graphicData uri=\"ole\"><p:oleObj spid=\"_x0000_s1026\" r:id=\"rId5\"><p:embed/></p:oleObj></a:graphicData></a:graphic></p:graphicFrame>";
    let vml = "<xml xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns:o=\"urn:schemas-microsoft-com:office:office\"><v:shape id=\"_x0000_s1026\"><v:imagedata o:relid=\"rId1\"/></v:shape></xml>";
    let clean = Fixture::slide(object, "")
        .part("ppt/embeddings/o.bin", &format!("{OX}oleObject"), "payload")
        .link("ppt/slides/slide1.xml", "rId5", "oleObject", "ppt/embeddings/o.bin")
        .part("ppt/drawings/v.vml", &format!("{OX}vmlDrawing"), vml)
        .link("ppt/slides/slide1.xml", "rId6", "vmlDrawing", "ppt/drawings/v.vml")
        .part("ppt/media/i.png", "image/png", "no picture")
        .link("ppt/drawings/v.vml", "rId1", "image", "ppt/media/i.png")
        .rebuilt();
    clean.assert_gone(What::EmbeddedObject, &["payload", "oleObj", "vmlDrawing"]);
    let slide = clean.text("ppt/slides/slide1.xml");
    let picture = "<p:pic><p:nvPicPr><p:cNvPr id=\"7\" name=\"Object 7\"/><p:cNvPicPr/><p:nvPr/></p:nvPicPr><p:blipFill><a:blip r:embed=\"rIdPicture1\"/>";
    assert!(
        slide.contains(picture)
            && slide.contains("<p:spPr><a:xfrm><a:off x=\"1\" y=\"2\"/></a:xfrm><a:prstGeom"),
        "{slide}"
    );
}

#[test]
fn commands_in_the_timing_go_with_it() {
    let timing = "<p:timing><p:tnLst><p:par><p:cTn><p:childTnLst><p:cmd type=\"verb\" cmd=\"3\"/></p:childTnLst></p:cTn></p:par></p:tnLst></p:timing>";
    Fixture::slide(&shape(""), timing).rebuilt().assert_gone(What::Action, &["cmd", "timing"]);
}

#[test]
fn media_goes_and_what_plays_it() {
    let picture = "<p:pic><p:nvPicPr><p:cNvPr id=\"4\" name=\"v\"><a:hlinkClick r:id=\"\" action=\"ppaction://media\"/></p:cNvPr><p:nvPr><a:videoFile r:link=\"rId5\"/>\
        <p:extLst><p:ext uri=\"{DAA4B4D4-6D71-4841-9C94-3DE7FCFB9230}\"><p14:media xmlns:p14=\"http://schemas.microsoft.com/office/powerpoint/2010/main\" r:embed=\"rId6\"/></p:ext></p:extLst></p:nvPr></p:nvPicPr></p:pic>";
    let timing = "<p:timing><p:tnLst><p:par><p:cTn><p:childTnLst><p:video><p:cMediaNode/></p:video></p:childTnLst></p:cTn></p:par></p:tnLst></p:timing>";
    let clean = Fixture::slide(picture, timing)
        .external("ppt/slides/slide1.xml", "rId5", "video", "http://evil/v.mp4")
        .part("ppt/media/m.mp4", "video/mp4", "evil")
        .link(
            "ppt/slides/slide1.xml",
            "rId6",
            "http://schemas.microsoft.com/office/2007/relationships/media",
            "ppt/media/m.mp4",
        )
        .rebuilt();
    clean.assert_gone(What::Multimedia, &["evil", "videoFile", "timing", "p14:media", "extLst"]);
}

#[test]
fn controls_and_tags() {
    let clean = Fixture::slide(&shape("<a:extLst/>"), "<p:custDataLst><p:tags r:id=\"rId7\"/></p:custDataLst><p:controls><p:control r:id=\"rId8\" name=\"evil\"/></p:controls>")
        .part("ppt/tags/t.xml", &format!("{OX}presentationml.tags+xml"), "<evil/>")
        .link("ppt/slides/slide1.xml", "rId7", "tags", "ppt/tags/t.xml")
        .rebuilt();
    clean.assert_gone(What::Control, &["evil", "tags", "control"]);
    assert!(clean.lost(What::Metadata));
}

#[test]
fn chart_workbook_goes_and_its_numbers_stay() {
    let chart = "<c:chartSpace xmlns:c=\"http://schemas.openxmlformats.org/drawingml/2006/chart\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">\
        <c:chart><c:f>[Book.xlsx]Sheet1!$A$1</c:f><c:f>Sheet1!$A$2</c:f><c:v>7</c:v></c:chart><c:externalData r:id=\"rId1\"><c:autoUpdate val=\"0\"/></c:externalData></c:chartSpace>";
    let clean = Fixture::slide(&shape(""), "")
        .part("ppt/charts/c.xml", &format!("{OX}drawingml.chart+xml"), chart)
        .link("ppt/slides/slide1.xml", "rId5", "chart", "ppt/charts/c.xml")
        .part("ppt/embeddings/b.xlsx", &format!("{OX}spreadsheetml.sheet"), "book")
        .link("ppt/charts/c.xml", "rId1", "package", "ppt/embeddings/b.xlsx")
        .rebuilt();
    clean.assert_gone(What::EmbeddedObject, &["embeddings", "externalData", "Book.xlsx"]);
    let chart = clean.text("ppt/charts/chart1.xml");
    assert!(chart.contains("<c:f>#REF!</c:f><c:f>Sheet1!$A$2</c:f><c:v>7</c:v>"), "{chart}");
}
