//! Presentations made record by record.

use crate::Limits;
use crate::compound::Storage;
use crate::failure::Failure;
use crate::format::Format;
use crate::job::bench;
use crate::office_art::put;
use crate::report::{Removed, Report, What};

/// An atom of version 0 and instance 0.
pub(super) fn atom(kind: u16, body: &[u8]) -> Vec<u8> {
    record(0, 0, kind, body)
}

pub(super) fn container(kind: u16, children: &[Vec<u8>]) -> Vec<u8> {
    record(0xf, 0, kind, &children.concat())
}

pub(super) fn record(version: u8, instance: u16, kind: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, version, instance, kind, body).unwrap();
    out
}

pub(super) fn string(instance: u16, text: &str) -> Vec<u8> {
    record(0, instance, 0x0fba, &utf16(text))
}

pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A link in the list of external objects.
pub(super) fn link(number: u32, strings: &[(u16, &str)]) -> Vec<u8> {
    let mut children = vec![atom(0x0fd3, &number.to_le_bytes())];
    children.extend(strings.iter().map(|(instance, text)| string(*instance, text)));
    container(0x0fd7, &children)
}

/// An action: what it does, where it jumps, and the link it follows.
pub(super) fn action(does: u8, jump: u8, link: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(link.to_le_bytes());
    body.extend([does, 0, jump, 0, 8, 0, 0, 0]);
    container(0x0ff2, &[atom(0x0ff3, &body), string(2, "EvilMacro")])
}

/// Properties: number with flags, value; then the longer values.
pub(super) fn properties(entries: &[(u16, u32)], longer: &[u8]) -> Vec<u8> {
    let mut body: Vec<u8> = entries
        .iter()
        .flat_map(|(id, value)| id.to_le_bytes().into_iter().chain(value.to_le_bytes()))
        .collect();
    body.extend(longer);
    record(3, u16::try_from(entries.len()).unwrap(), 0xf00b, &body)
}

/// A tag for later versions.
pub(super) fn tag(name: &str, data: &[Vec<u8>]) -> Vec<u8> {
    container(0x1388, &[container(0x138a, &[string(0, name), atom(0x138b, &data.concat())])])
}

/// A PNG in a record.
pub(super) fn blip(file: &[u8]) -> Vec<u8> {
    record(0, 0x6e0, 0xf01e, &[&[7; 16], &[0xff][..], file].concat())
}

/// An entry of the list of pictures.
pub(super) fn store_entry(offset: u32, size: usize) -> Vec<u8> {
    let mut body = vec![6, 6];
    body.extend([7; 16]);
    body.extend([0xff, 0]);
    body.extend(u32::try_from(size).unwrap().to_le_bytes());
    body.extend(1_u32.to_le_bytes());
    body.extend(offset.to_le_bytes());
    body.extend([0; 4]);
    record(2, 6, 0xf007, &body)
}

/// A presentation of one master and one slide with one shape.
#[derive(Clone, Default)]
pub(super) struct Deck {
    /// In the list of external objects.
    pub(super) external: Vec<Vec<u8>>,
    /// In the document's list of settings.
    pub(super) settings: Vec<Vec<u8>>,
    /// In the document.
    pub(super) document: Vec<Vec<u8>>,
    /// In the fonts.
    pub(super) fonts: Vec<Vec<u8>>,
    /// In the slide.
    pub(super) slide: Vec<Vec<u8>>,
    /// The shape's flags and type.
    pub(super) flags: u32,
    pub(super) shape_type: u16,
    /// In the shape.
    pub(super) shape: Vec<Vec<u8>>,
    /// In the shape's data.
    pub(super) data: Vec<Vec<u8>>,
    /// In the shape's text.
    pub(super) text: Vec<Vec<u8>>,
    /// The list of pictures and their stream.
    pub(super) store: Vec<Vec<u8>>,
    pub(super) pictures: Vec<u8>,
    /// Objects that the directory names besides, from number 10.
    pub(super) objects: Vec<Vec<u8>>,
    /// Bytes between the objects and the directory.
    pub(super) between: Vec<u8>,
    /// The slide's object instead of its own.
    pub(super) instead_of_slide: Option<Vec<u8>>,
    pub(super) user: &'static str,
}

impl Deck {
    pub(super) fn document(&self) -> Vec<u8> {
        let mut numbers = [0_u8; 40];
        numbers[0..8].copy_from_slice(&[0x80, 0x16, 0, 0, 0xe0, 0x10, 0, 0]);
        numbers[36] = 1; // fonts are embedded
        let persist = |number: u32, slide: u32| {
            let numbers = [number, 0, 0, slide, 0x6c69_7665];
            atom(0x03f3, &numbers.map(u32::to_le_bytes).concat())
        };
        let mut children = vec![record(1, 0, 0x03e9, &numbers)];
        if !self.external.is_empty() {
            let list = [vec![atom(0x040a, &[9, 0, 0, 0])], self.external.clone()].concat();
            children.push(container(0x0409, &list));
        }
        children.push(container(0x03f2, &[container(0x07d5, &self.fonts)]));
        let store = record(0xf, 9, 0xf001, &self.store.concat());
        let group = container(0xf000, &[atom(0xf006, &[0; 16]), store, properties(&[(0x00bf, 0)], b"")]);
        children.push(container(0x040b, &[group]));
        children.push(record(0xf, 1, 0x0ff0, &persist(2, 0x8000_0000)));
        children.push(record(0xf, 0, 0x0ff0, &persist(3, 256)));
        if !self.settings.is_empty() {
            children.push(container(0x07d0, &self.settings));
        }
        children.extend(self.document.clone());
        children.push(atom(0x03ea, b""));
        container(0x03e8, &children)
    }

    pub(super) fn slide(&self) -> Vec<u8> {
        let flags = [0x0401_u32.to_le_bytes(), (0xa00 | self.flags).to_le_bytes()].concat();
        let mut shape = vec![record(2, self.shape_type, 0xf00a, &flags)];
        shape.extend(self.shape.clone());
        shape.push(atom(0xf010, &[0; 8]));
        shape.push(container(0xf011, &self.data));
        shape.push(container(
            0xf00d,
            &[vec![atom(0x0f9f, &[4, 0, 0, 0]), atom(0x0fa8, b"words")], self.text.clone()].concat(),
        ));
        let drawing =
            container(0xf002, &[atom(0xf008, &[0; 8]), container(0xf003, &[container(0xf004, &shape)])]);
        let children = [
            vec![
                record(2, 0, 0x03ef, &[0; 24]),
                container(0x040c, &[drawing]),
                record(0, 1, 0x07f0, &[0; 32]),
            ],
            self.slide.clone(),
        ];
        container(0x03ee, &children.concat())
    }

    pub(super) fn master() -> Vec<u8> {
        container(0x03f8, &[record(2, 0, 0x03ef, &[0; 24]), record(0, 1, 0x07f0, &[0; 32])])
    }

    /// The main stream, and where its edit is.
    pub(super) fn stream(&self) -> (Vec<u8>, u32) {
        self.stream_after(Vec::new(), 0)
    }

    /// The main stream behind another one, whose edit is at `older`.
    pub(super) fn stream_after(&self, mut stream: Vec<u8>, older: u32) -> (Vec<u8>, u32) {
        let slide = self.instead_of_slide.clone().unwrap_or_else(|| self.slide());
        let mut directory = Vec::new();
        let here = |stream: &Vec<u8>| u32::try_from(stream.len()).unwrap();
        for (number, object) in (1_u32..).zip([self.document(), Self::master(), slide]) {
            directory.extend((1 << 20 | number).to_le_bytes());
            directory.extend(here(&stream).to_le_bytes());
            stream.extend(object);
        }
        for (number, object) in (10_u32..).zip(&self.objects) {
            directory.extend((1 << 20 | number).to_le_bytes());
            directory.extend(here(&stream).to_le_bytes());
            stream.extend(object);
        }
        stream.extend(&self.between);
        let at = here(&stream);
        stream.extend(atom(0x1772, &directory));
        let edit = here(&stream);
        stream.extend(edit_atom(older, at, &[]));
        (stream, edit)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let (stream, edit) = self.stream();
        self.file(&stream, edit).write().unwrap()
    }

    /// A file of this main stream.
    pub(super) fn file(&self, stream: &[u8], edit: u32) -> Storage<'static> {
        let mut root = Storage::new("", [0; 16]);
        root.add("Current User", current_user(0xe391_c05f, edit, self.user));
        root.add("PowerPoint Document", stream.to_vec());
        if !self.pictures.is_empty() {
            root.add("Pictures", self.pictures.clone());
        }
        root
    }

    pub(super) fn rebuilt(&self) -> Clean {
        Clean::of(&self.bytes())
    }
}

pub(super) fn edit_atom(older: u32, directory: u32, more: &[u8]) -> Vec<u8> {
    let numbers = [256, 0x0300_0000, older, directory, 1, 11, 1];
    atom(0x0ff5, &[&numbers.map(u32::to_le_bytes).concat(), more].concat())
}

pub(super) fn current_user(mark: u32, edit: u32, name: &str) -> Vec<u8> {
    let length = u32::try_from(name.len()).unwrap();
    let numbers = [20, mark, edit, 0x03f4_0000 | length, 3].map(u32::to_le_bytes).concat();
    atom(0x0ff6, &[&numbers, name.as_bytes(), &8_u32.to_le_bytes()].concat())
}

/// What came of a presentation.
pub(super) struct Clean {
    pub(super) bytes: Vec<u8>,
    pub(super) removed: Vec<Removed>,
    pub(super) children: Vec<Report>,
    pub(super) document: Vec<u8>,
    pub(super) pictures: Vec<u8>,
}

impl Clean {
    /// Rebuilds, verifies, and rebuilds the result: nothing may change any more.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let (once, removed, children) = rebuild(bytes);
        let once = once.unwrap();
        let (again, nothing, _) = rebuild(&once);
        assert_eq!(again.unwrap(), once, "a rebuilt presentation changes");
        assert!(nothing.is_empty(), "a rebuilt presentation loses {nothing:?}");
        let stream = |name| {
            let read = |job: &mut crate::job::Job<'_>| {
                let file = crate::compound::Compound::parse(&once, job).unwrap();
                file.root.stream(name).unwrap().unwrap_or_default().to_vec()
            };
            bench(&Limits::default(), read).0
        };
        let (document, pictures) = (stream("PowerPoint Document"), stream("Pictures"));
        Self { bytes: once, removed, children, document, pictures }
    }

    pub(super) fn has(&self, needle: &[u8]) -> bool {
        memchr::memmem::find(&self.bytes, needle).is_some()
    }

    pub(super) fn has_text(&self, text: &str) -> bool {
        self.has(&utf16(text)) || self.has(text.as_bytes())
    }

    /// It has a record of this type, with this start of a body.
    pub(super) fn has_record(&self, kind: u16) -> bool {
        self.records(kind).next().is_some()
    }

    /// Bodies of all records of this type, wherever they stand.
    pub(super) fn records(&self, kind: u16) -> impl Iterator<Item = Vec<u8>> {
        let mut found = Vec::new();
        collect(&self.document, kind, &mut found);
        found.into_iter()
    }

    pub(super) fn lost(&self, what: What) -> bool {
        self.removed.iter().any(|removed| removed.what == what)
    }

    /// These are gone, and the report says what kind of thing it was.
    pub(super) fn assert_gone(&self, what: What, needles: &[&str]) {
        assert!(self.lost(what), "{what:?} is not reported: {:?}", self.removed);
        for needle in needles {
            assert!(!self.has_text(needle), "{needle} is still there");
        }
    }
}

fn collect(bytes: &[u8], kind: u16, found: &mut Vec<Vec<u8>>) {
    for record in crate::office_art::Records(bytes) {
        let record = record.unwrap();
        if record.kind == kind {
            found.push(record.body.to_vec());
        }
        if record.is_container() || record.kind == 0x138b {
            collect(record.body, kind, found);
        }
    }
}

fn rebuild(bytes: &[u8]) -> (Result<Vec<u8>, Failure>, Vec<Removed>, Vec<Report>) {
    rebuild_within(bytes, &Limits::default())
}

pub(super) fn rebuild_within(
    bytes: &[u8],
    limits: &Limits,
) -> (Result<Vec<u8>, Failure>, Vec<Removed>, Vec<Report>) {
    bench(limits, |job| {
        let rewritten = crate::ppt::rebuild(bytes, Format::Ppt, job)?;
        crate::ppt::verify(&rewritten.bytes, Format::Ppt, job)?;
        Ok(rewritten.bytes)
    })
}

pub(super) fn failure(bytes: &[u8]) -> Failure {
    rebuild(bytes).0.unwrap_err()
}
