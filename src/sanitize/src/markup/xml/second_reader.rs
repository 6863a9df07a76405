//! The reader held against another one, `quick-xml`: whatever ours takes, it takes too, and sees the same in it.

use quick_xml::events::{BytesStart, Event as Raw};
use quick_xml::{Reader, XmlVersion};

use super::tests::Ns;
use super::*;

/// What stands in a document, in order; texts that follow one another are one.
#[derive(Debug, PartialEq, Eq, Default)]
struct Seen(Vec<String>);

impl Seen {
    fn start(&mut self, name: &str, attributes: impl Iterator<Item = (String, String)>) {
        self.0.push(format!("<{name} {:?}", attributes.collect::<Vec<_>>()));
    }

    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(last) if last.starts_with('"') => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.0.push(format!("\"{text}")),
        }
    }

    fn end(&mut self) {
        self.0.push("/".to_owned());
    }
}

fn by_us(text: &str) -> Option<Seen> {
    let mut xml: Xml<'_, Ns> = Xml::new(text, 100);
    let mut seen = Seen::default();
    while let Some(event) = xml.next().ok()? {
        match event {
            Event::Start(element) => seen.start(
                &element.name.qualified,
                element.attributes.iter().map(|a| (a.name.qualified.to_string(), a.value.to_string())),
            ),
            Event::Text(text) => seen.text(text),
            Event::End => seen.end(),
        }
    }
    Some(seen)
}

fn by_another(text: &str) -> Result<Seen, String> {
    fn start(seen: &mut Seen, tag: &BytesStart<'_>) -> Result<(), String> {
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|e| e.to_string())?;
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|e| e.to_string())?;
            attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        seen.start(tag.name().as_ref(), attributes.into_iter());
        Ok(())
    }
    let mut reader = Reader::from_str(text);
    let mut seen = Seen::default();
    let mut depth = 0;
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Raw::Start(tag) => {
                start(&mut seen, &tag)?;
                depth += 1;
            }
            Raw::Empty(tag) => {
                start(&mut seen, &tag)?;
                seen.end();
            }
            Raw::End(_) => {
                seen.end();
                depth -= 1;
            }
            Raw::Text(text) if depth > 0 => seen.text(&text.xml10_content()),
            Raw::CData(text) if depth > 0 => seen.text(&text.xml10_content()),
            Raw::GeneralRef(reference) if depth > 0 => {
                let number = reference.resolve_char_ref().map_err(|e| e.to_string())?;
                let named =
                    || quick_xml::escape::resolve_xml_entity(&reference).and_then(|text| text.chars().next());
                let c = number.or_else(named).ok_or("an entity")?;
                seen.text(c.encode_utf8(&mut [0; 4]));
            }
            Raw::Eof if depth > 0 => return Err("cut off".to_owned()),
            Raw::Eof => return Ok(seen),
            _ => {}
        }
    }
}

const SOUND: &[&str] = &[
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n<w:a xmlns:w=\"urn:a\" w:b=\"c &amp; d\"><w:e/>t &lt; u</w:a>",
    "<a xmlns=\"urn:a\" b='1' c=\"&#x41;&#66;\t\n\">x<!-- y --><?z w?>&gt;&#13;<![CDATA[<&]]>\r\nv<d ></d ></a>",
    "<p:a xmlns:p=\"urn:a\" xmlns:q=\"urn:b\"><q:b p:c=\"d\" q:c=\"e\">\u{e9}\u{1f600}</q:b> <p:f xml:space=\"preserve\"> g </p:f></p:a>",
];

const PIECES: &[&str] = &[
    "<",
    ">",
    "/",
    "=",
    "\"",
    "'",
    "&",
    ";",
    ":",
    "!",
    "?",
    "-",
    "]]>",
    "<!--",
    "-->",
    "<![CDATA[",
    "<?",
    "?>",
    "</",
    "/>",
    " ",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "a",
    "xmlns",
    "xmlns:p",
    "p:",
    "&amp;",
    "&#0;",
    "&#x10ffff;",
    "&lt",
    "\u{feff}",
    "\u{0}",
    "\u{fffe}",
    "\u{85}",
    "\u{2028}",
    "<!DOCTYPE a>",
    "<a/>",
    " b=\"\"",
    " b='\"'",
    "xml:lang",
    "\u{e9}",
];

/// Cuts, doubles, moves and puts in pieces at places that a fixed sequence gives.
#[test]
fn what_we_take_another_reader_takes_and_sees_alike() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |n: usize| {
        // SplitMix64 (Steele, Lea, Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap() % n
    };
    let mut taken = 0;
    for round in 0..60_000 {
        let mut text: Vec<char> = SOUND[round % SOUND.len()].chars().collect();
        for _ in 0..=below(3) {
            let at = below(text.len() + 1);
            let end = (at + below(6)).min(text.len());
            match below(4) {
                0 => drop(text.drain(at..end)),
                1 => {
                    let copy = text[at..end].to_vec();
                    let to = below(text.len() + 1);
                    text.splice(to..to, copy);
                }
                2 => drop(text.splice(at..end, PIECES[below(PIECES.len())].chars())),
                _ => drop(text.splice(at..at, PIECES[below(PIECES.len())].chars())),
            }
        }
        let text: String = text.into_iter().collect();
        if let Some(ours) = by_us(&text) {
            taken += 1;
            assert_eq!(Ok(ours), by_another(&text), "{text:?}");
        }
    }
    assert!(taken > 6_000, "only {taken} of the broken documents were taken at all");
}
