//! The drawing of a sheet or chart: one tree of shapes, cut into MsoDrawing records wherever a shape's own record stands.
//!
//! ```text
//! tree:     Drawing( Group( Shape(…, ClientData) Shape(…, ClientData, TextBox) ) )
//! records:  MsoDrawing ……………………………………┤ Obj │ MsoDrawing ………┤ Obj │ MsoDrawing …┤ TxO Continue Continue │
//! ```
//!
//! A long part goes on in Continue records; behind Obj, TxO and a chart such a record holds more of the tree.

use std::collections::{HashMap, HashSet};

use super::art::{self, Art, Content, Once, kind};
use super::line;
use super::object::{self, Object};
use super::picture::put_properties;
use super::record::{Group, MAX_BODY, Record, Writer, code, u16_at};
use crate::failure::Failure;
use crate::job::Job;
use crate::report::{Removed, What};

/// What is written where records of the drawing stood.
#[derive(Default)]
pub(super) struct Drawing {
    steps: HashMap<usize, Step>,
    /// Numbers of the objects that are written.
    objects: HashSet<u16>,
}

struct Step {
    before: Vec<u8>,
    own: Own,
}

enum Own {
    Object(Object),
    /// A line of an older version.
    Line(Vec<u8>),
    Text {
        head: Vec<u8>,
        further: Vec<Vec<u8>>,
    },
    /// Shapes behind the last object.
    Rest,
}

struct Event {
    at: usize,
    group: usize,
    own: Own,
}

impl Drawing {
    /// Reads the drawing among the groups of one substream (those of charts inside left out: `skip`); what cannot be
    /// read is left out as a whole.
    pub(super) fn read(
        groups: &[Group<'_>],
        skip: &dyn Fn(usize) -> bool,
        place: &str,
        job: &mut Job<'_>,
    ) -> Self {
        let mut data = Vec::new();
        let mut events = Vec::new();
        let mut last = None;
        for (number, group) in groups.iter().enumerate() {
            if skip(number) {
                // Behind a chart inside the sheet's drawing goes on.
                if group.head.code == code::EOF {
                    group.tail.iter().for_each(|record| data.extend_from_slice(record.body));
                }
                continue;
            }
            let own = match group.head.code {
                code::MSO_DRAWING => {
                    data.extend(group.whole());
                    last = Some(number);
                    continue;
                }
                code::OBJ => object::rebuild(group.head.body).map(|object| (Own::Object(object), group.tail)),
                code::TXO => text(group),
                _ => continue,
            };
            let Some((own, rest)) = own else {
                job.removed(Removed::new(What::UnknownPart, &format!("drawing of {place}"), 1));
                return Self::default();
            };
            events.push(Event { at: data.len(), group: number, own });
            rest.iter().for_each(|record| data.extend_from_slice(record.body));
        }
        if data.is_empty() && events.is_empty() {
            return Self::default();
        }
        match Self::rewrite(&data, events, last, place, job) {
            Some(drawing) => drawing,
            None => {
                job.removed(Removed::new(What::UnknownPart, &format!("drawing of {place}"), 1));
                Self::default()
            }
        }
    }

    /// Keeps the lines of older versions in a sheet that has no drawing, and nothing else.
    pub(super) fn lines(
        groups: &[Group<'_>],
        skip: &dyn Fn(usize) -> bool,
        place: &str,
        job: &mut Job<'_>,
    ) -> Self {
        let mut drawing = Self::default();
        let mut others = 0;
        let is_object = |number: usize, group: &Group<'_>| {
            matches!(group.head.code, code::OBJ | code::TXO) && !skip(number)
        };
        for (number, group) in groups.iter().enumerate().filter(|(number, group)| is_object(*number, group)) {
            match line::rebuild(group.head.body, drawing.steps.len()) {
                Some(line) if group.head.code == code::OBJ && group.tail.is_empty() => {
                    drawing.steps.insert(number, Step { before: Vec::new(), own: Own::Line(line) });
                }
                _ => others += 1,
            }
        }
        if others > 0 {
            job.removed(Removed::new(What::UnknownPart, &format!("drawing of {place}"), others));
        }
        drawing
    }

    fn rewrite(
        data: &[u8],
        events: Vec<Event>,
        last: Option<usize>,
        place: &str,
        job: &mut Job<'_>,
    ) -> Option<Self> {
        let records = art::parse(data, 0)?;
        let mut pen =
            Pen { out: Vec::new(), ends: events.iter().map(|event| event.at).collect(), cuts: Vec::new() };
        for record in &records {
            pen.put(record, job).ok()?;
        }
        (pen.cuts.len() == events.len()).then_some(())?;
        let mut drawing = Self::default();
        let mut start = 0;
        for (event, cut) in events.into_iter().zip(&pen.cuts) {
            if let Own::Object(object) = &event.own {
                drawing.objects.insert(object.id);
                object.removed.iter().for_each(|what| job.removed(Removed::new(*what, place, 1)));
            }
            let before = pen.out.get(start..*cut)?.to_vec();
            start = *cut;
            drawing.steps.insert(event.group, Step { before, own: event.own });
        }
        let rest = pen.out.get(start..)?.to_vec();
        if !rest.is_empty() {
            drawing.steps.insert(last?, Step { before: rest, own: Own::Rest });
        }
        Some(drawing)
    }

    /// Whether an object with this number is written.
    pub(super) fn has_object(&self, id: u16) -> bool {
        self.objects.contains(&id)
    }

    /// Writes what stands in the place of a group; whether it is a chart's object.
    pub(super) fn write(&self, group: usize, to: &mut Writer) -> Result<bool, Failure> {
        let Some(step) = self.steps.get(&group) else { return Ok(false) };
        to.put_long(code::MSO_DRAWING, code::CONTINUE, &step.before, MAX_BODY)?;
        match &step.own {
            Own::Object(object) => {
                to.put(code::OBJ, &object.bytes)?;
                return Ok(object.kind == object::CHART);
            }
            Own::Line(bytes) => to.put(code::OBJ, bytes)?,
            Own::Text { head, further } => {
                to.put(code::TXO, head)?;
                further.iter().try_for_each(|body| to.put(code::CONTINUE, body))?;
            }
            Own::Rest => {}
        }
        Ok(false)
    }
}

/// Writes the tree and marks where it is cut.
struct Pen {
    out: Vec<u8>,
    /// Where it was cut when it was read.
    ends: Vec<usize>,
    cuts: Vec<usize>,
}

impl Pen {
    fn put(&mut self, record: &Art<'_>, job: &mut Job<'_>) -> Result<(), Failure> {
        let mut body = |bytes: &[u8]| {
            let start = art::open(record.tag, record.kind, &mut self.out);
            self.out.extend_from_slice(bytes);
            art::close(start, &mut self.out);
        };
        match &record.content {
            Content::Container(records) if kind::CONTAINERS.contains(&record.kind) => {
                let start = art::open(record.tag, record.kind, &mut self.out);
                let mut once = Once::default();
                for inner in records {
                    if once.admits(record.kind, inner) {
                        self.put(inner, job)?;
                    } else {
                        job.removed(Removed::new(What::UnknownPart, &art::place(inner.kind), 1));
                        self.cut(inner);
                    }
                }
                art::close(start, &mut self.out);
            }
            Content::Atom([id @ .., a, b, c, d]) if record.kind == kind::SHAPE && id.len() == 4 => {
                // Not an OLE object's shape.
                let flags = u32::from_le_bytes([*a, *b, *c, *d]) & !0x10;
                body(&[id, &flags.to_le_bytes()].concat());
            }
            Content::Atom(_) if matches!(record.kind, kind::TEXT | kind::CLIENT_DATA) => body(&[]),
            Content::Atom(bytes) if kind::PROPERTIES.contains(&record.kind) => {
                put_properties(record, bytes, &mut self.out, job)?;
            }
            Content::Atom(bytes) => match art::numbers(record, bytes) {
                Some(bytes) => body(&bytes),
                None => job.removed(Removed::new(What::UnknownPart, &art::place(record.kind), 1)),
            },
            Content::Container(_) => {
                job.removed(Removed::new(What::UnknownPart, &art::place(record.kind), 1));
            }
        }
        self.cut(record);
        Ok(())
    }

    /// Marks a cut where one was behind this record.
    fn cut(&mut self, record: &Art<'_>) {
        while self.ends.get(self.cuts.len()) == Some(&record.end) {
            self.cuts.push(self.out.len());
        }
    }
}

/// A TxO record with its text and formatting, without its formula; and the records behind that are not its own.
fn text<'a>(group: &Group<'a>) -> Option<(Own, &'a [Record<'a>])> {
    let body = group.head.body;
    let (mut characters, mut runs) = (usize::from(u16_at(body, 10)?), usize::from(u16_at(body, 12)?));
    let mut head = body.get(..16)?.to_vec();
    head.extend([0; 2]);
    let mut further = Vec::new();
    let mut rest = group.tail;
    while characters > 0 {
        let (record, behind) = rest.split_first()?;
        let (flags, bytes) = record.body.split_first()?;
        let width = if flags & 1 == 0 { 1 } else { 2 };
        let count = characters.min(bytes.len() / width);
        (count > 0).then_some(())?;
        characters -= count;
        let mut piece = vec![flags & 1];
        piece.extend_from_slice(bytes.get(..count * width)?);
        further.push(piece);
        rest = behind;
    }
    while runs > 0 && !further.is_empty() {
        let (record, behind) = rest.split_first()?;
        (!record.body.is_empty()).then_some(())?;
        let piece = record.body.get(..runs.min(record.body.len()))?;
        runs -= piece.len();
        further.push(piece.to_vec());
        rest = behind;
    }
    Some((Own::Text { head, further }, rest))
}
