//! The one layout in which HEIF files are written.

use std::collections::BTreeMap;

use super::boxes::{Source, next_box};
use super::hevc;

/// Brands of still pictures (ISO/IEC 23008-12, annex B and 10; MIAF).
const BRANDS: [&[u8; 4]; 9] =
    [b"heic", b"heix", b"heim", b"heis", b"mif1", b"miaf", b"MiHB", b"MiHA", b"MiHE"];

/// An item that is kept.
pub(super) struct Kept {
    pub(super) kind: [u8; 4],
    pub(super) is_hidden: bool,
    /// Numbers of its properties in the source.
    pub(super) properties: Vec<usize>,
    pub(super) data: Vec<u8>,
}

/// The whole file; `None`: a number does not fit its field.
pub(super) fn file(source: &Source<'_>, kept: &BTreeMap<u32, Kept>) -> Option<Vec<u8>> {
    let known = |brand: &&[u8; 4]| BRANDS.contains(brand);
    let mut brands: Vec<&[u8; 4]> = source.brands.iter().filter(known).collect();
    let main = source.brands.first().filter(known).unwrap_or(b"mif1");
    brands.retain({
        let mut seen = std::collections::BTreeSet::new();
        move |brand| seen.insert(*brand)
    });
    if !brands.contains(&b"mif1") {
        brands.push(b"mif1");
    }
    let brands: Vec<u8> = brands.into_iter().flatten().copied().collect();
    let ftyp = boxed(b"ftyp", &[main.as_slice(), &[0; 4], &brands].concat())?;

    // Items are numbered anew, in order.
    let mut numbers = BTreeMap::new();
    for (n, id) in (1_u16..=u16::MAX).zip(kept.keys()) {
        numbers.insert(*id, n);
    }
    let number = |id: u32| numbers.get(&id).copied();
    if numbers.len() != kept.len() {
        return None;
    }
    let without_places = meta(source, kept, number, 0)?;
    let start = ftyp.len() + without_places.len() + 8;
    let meta = meta(source, kept, number, start)?;
    let pictures: Vec<u8> =
        kept.values().filter(|item| !is_in_meta(item)).flat_map(|item| item.data.iter().copied()).collect();
    Some([ftyp, meta, boxed(b"mdat", &pictures)?].concat())
}

/// Grids' few bytes stand in the meta box, as cameras have it.
fn is_in_meta(item: &Kept) -> bool {
    item.kind == *b"grid"
}

fn meta(
    source: &Source<'_>,
    kept: &BTreeMap<u32, Kept>,
    number: impl Fn(u32) -> Option<u16>,
    start: usize,
) -> Option<Vec<u8>> {
    let mut entries = u16::try_from(kept.len()).ok()?.to_be_bytes().to_vec();
    let (mut places, mut references, mut idat) = (Vec::new(), Vec::new(), Vec::new());
    let (mut at, mut placed) = (start, 0_u16);
    for (id, item) in kept {
        let id_bytes = number(*id)?.to_be_bytes();
        let body =
            [&[2, 0, 0, item.is_hidden.into()], id_bytes.as_slice(), &[0, 0], &item.kind, &[0]].concat();
        entries.extend(boxed(b"infe", &body)?);
        if !item.data.is_empty() {
            let from = if is_in_meta(item) { idat.len() } else { at };
            places.extend(id_bytes);
            places.extend(u16::from(is_in_meta(item)).to_be_bytes());
            places.extend([0, 0, 0, 1]);
            places.extend(u32::try_from(from).ok()?.to_be_bytes());
            places.extend(u32::try_from(item.data.len()).ok()?.to_be_bytes());
            placed += 1;
            match is_in_meta(item) {
                true => idat.extend_from_slice(&item.data),
                false => at += item.data.len(),
            }
        }
        let lists = [(b"dimg", super::derived_from(source, *id)), (b"auxl", source.references(b"auxl", *id))];
        for (kind, to) in lists {
            let to: Vec<u16> = to.iter().copied().filter_map(&number).collect();
            if !to.is_empty() {
                let count = u16::try_from(to.len()).ok()?.to_be_bytes();
                let to: Vec<u8> = to.into_iter().flat_map(u16::to_be_bytes).collect();
                references.extend(boxed(kind, &[id_bytes.as_slice(), &count, &to].concat())?);
            }
        }
    }
    let primary = number(source.primary)?.to_be_bytes();
    let hdlr = [&[0; 8], b"pict".as_slice(), &[0; 13]].concat();
    let mut body = vec![0; 4];
    body.extend(boxed(b"hdlr", &hdlr)?);
    body.extend(boxed(b"pitm", &[&[0; 4], primary.as_slice()].concat())?);
    body.extend(boxed(b"iinf", &[&[0; 4], entries.as_slice()].concat())?);
    if !references.is_empty() {
        body.extend(boxed(b"iref", &[&[0; 4], references.as_slice()].concat())?);
    }
    body.extend(properties(source, kept, number)?);
    if !idat.is_empty() {
        body.extend(boxed(b"idat", &idat)?);
    }
    // Offsets and lengths of four bytes, no base.
    let head = [&[1, 0, 0, 0, 0x44, 0], placed.to_be_bytes().as_slice()].concat();
    body.extend(boxed(b"iloc", &[head, places].concat())?);
    boxed(b"meta", &body)
}

/// Properties in use, in their order, and whose they are.
fn properties(
    source: &Source<'_>,
    kept: &BTreeMap<u32, Kept>,
    number: impl Fn(u32) -> Option<u16>,
) -> Option<Vec<u8>> {
    let mut used: Vec<usize> = kept.values().flat_map(|item| item.properties.iter().copied()).collect();
    used.sort_unstable();
    used.dedup();
    let mut ipco = Vec::new();
    for &n in &used {
        let property = source.property(n)?;
        let clean;
        let body = match &property.name {
            b"hvcC" => {
                clean = hevc::configuration(property.body)?.0;
                &clean
            }
            _ => property.body,
        };
        ipco.extend(boxed(&property.name, body)?);
    }
    // What a picture cannot be shown right without.
    let is_essential = |n: usize| {
        source.property(n).is_some_and(|p| matches!(&p.name, b"hvcC" | b"irot" | b"imir" | b"clap"))
    };
    let wide = used.len() > 127;
    let mut ipma = vec![0, 0, 0, wide.into()];
    ipma.extend(u32::try_from(kept.len()).ok()?.to_be_bytes());
    for (id, item) in kept {
        ipma.extend(number(*id)?.to_be_bytes());
        ipma.push(u8::try_from(item.properties.len()).ok()?);
        for n in &item.properties {
            let place = u16::try_from(used.binary_search(n).ok()? + 1).ok()?;
            match wide {
                true => ipma.extend((place | if is_essential(*n) { 1 << 15 } else { 0 }).to_be_bytes()),
                false => ipma.push(u8::try_from(place).ok()? | if is_essential(*n) { 1 << 7 } else { 0 }),
            }
        }
    }
    boxed(b"iprp", &[boxed(b"ipco", &ipco)?, boxed(b"ipma", &ipma)?].concat())
}

fn boxed(name: &[u8; 4], body: &[u8]) -> Option<Vec<u8>> {
    let size = u32::try_from(body.len() + 8).ok()?.to_be_bytes();
    Some([size.as_slice(), name, body].concat())
}

/// Searches a rebuilt file on its own: three boxes fill it, the second holds only the kinds that are written here, and no
/// item is anything but a picture.
pub(super) fn only_known_boxes(bytes: &[u8]) -> bool {
    let top = ["ftyp", "meta", "mdat"];
    let mut rest = bytes;
    for expected in top {
        let Some((name, body, after)) = next_box(rest) else { return false };
        if name.as_slice() != expected.as_bytes() || expected == "meta" && !is_known_meta(body) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

fn is_known_meta(body: &[u8]) -> bool {
    let mut rest = body.get(4..).unwrap_or_default();
    while !rest.is_empty() {
        let Some((name, body, after)) = next_box(rest) else { return false };
        let fits = match name {
            b"hdlr" | b"pitm" | b"iref" | b"iprp" | b"idat" | b"iloc" => true,
            b"iinf" => {
                ![b"Exif", b"mime", b"uri "].iter().any(|kind| memchr::memmem::find(body, *kind).is_some())
            }
            _ => false,
        };
        if !fits {
            return false;
        }
        rest = after;
    }
    true
}
