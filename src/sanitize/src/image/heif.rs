//! HEIF: the boxes around HEVC-coded pictures written anew; the coded pixels are copied (ISO/IEC 23008-12, 14496-12).
//!
//! ```text
//! ftyp │ meta: items, references, properties, places │ mdat        (in)
//!
//! primary item ─▶ what it is made of (grid tiles), its alpha ─▶ their allowed properties, their NAL units
//!
//! ftyp │ meta: hdlr pitm iinf iref iprp idat iloc │ mdat           (out, always this layout)
//! ```
//!
//! There is no decoder here, so the pixels are not re-encoded, and the report says so. What is copied is parsed down to
//! NAL units: only parameter sets and slices stay, so user data, Exif, XMP, thumbnails, depth and gain maps, further
//! pictures, films and unknown boxes go.

mod boxes;
mod hevc;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use super::{check_dimensions, icc};
use crate::failure::Failure;
use crate::job::Job;
use crate::limits::Limits;
use crate::report::{Removed, What};
use boxes::{Item, Property, Source};
use write::Kept;

/// Kinds of alpha planes (ISO/IEC 23008-12, 6.5.8 and MIAF).
const ALPHA: [&[u8]; 2] = [b"urn:mpeg:hevc:2015:auxid:1\0", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"];

/// Writes a HEIF file anew.
pub(super) fn rebuild(bytes: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let (out, removed) = rewrite(bytes, job)?;
    for removed in removed {
        job.removed(removed);
    }
    job.note("pixels not re-encoded");
    Ok(out)
}

/// It is laid out as written here, with nothing that a rebuild would leave behind.
pub(super) fn verify(bytes: &[u8], job: &mut Job<'_>) -> Result<(), Failure> {
    if !write::only_known_boxes(bytes) {
        return Err(Failure::Malformed("a box is left that does not belong to the picture".to_owned()));
    }
    let (again, removed) = rewrite(bytes, job)?;
    match again == bytes && removed.is_empty() {
        true => Ok(()),
        false => Err(Failure::Malformed("it does not rebuild to itself".to_owned())),
    }
}

fn rewrite(bytes: &[u8], job: &mut Job<'_>) -> Result<(Vec<u8>, Vec<Removed>), Failure> {
    let limits = job.limits;
    let source = Source::parse(bytes, limits)?;
    let chosen = choose(&source)?;
    let mut removed = source.left_behind.clone();
    for (id, item) in &source.items {
        if !chosen.contains(id) {
            removed.push(removal(&source, *id, item));
        }
    }
    let (mut pixels, mut told) = (0_u64, 0_usize);
    let mut kept = BTreeMap::new();
    for id in &chosen {
        let item = source.item(*id)?;
        if item.is_protected {
            return Err(Failure::Encrypted("the picture is encrypted".to_owned()));
        }
        // Pictures share properties, and each is read for every one.
        job.expand(source.size_of_properties(*id))?;
        let properties = properties(&source, *id, &mut removed)?;
        let (width, height) = size(&source, &properties)?;
        check_dimensions(width, height, 4, limits)?;
        pixels = pixels.saturating_add(u64::from(width) * u64::from(height));
        let data = match &item.kind {
            b"hvc1" => {
                let length_size = properties.iter().find_map(|&n| source.property(n)?.hevc_length_size());
                let length_size =
                    length_size.ok_or_else(|| malformed("a picture has no decoder settings"))?;
                let data = item.data(bytes)?;
                told = told.saturating_add(data.len());
                let (data, dropped) = hevc::slices(&data, length_size)
                    .ok_or_else(|| malformed("a picture's data are no HEVC slices"))?;
                if dropped {
                    removed.push(Removed::new(What::Metadata, "HEVC supplemental information", 1));
                }
                data
            }
            b"grid" => {
                let data = item.data(bytes)?;
                told = told.saturating_add(data.len());
                let tiles = derived_from(&source, *id);
                grid(&data, tiles.len(), limits)?;
                // Readers trust the first tile for the size of all (ISO/IEC 23008-12, 6.6.2.3.1).
                let mut settings = tiles.iter().map(|&tile| source.hevc_settings(tile));
                let first = settings.next();
                if settings.any(|other| Some(other) != first) {
                    return Err(malformed("a grid's tiles are coded in different ways"));
                }
                data
            }
            b"iden" => Vec::new(),
            _ => return Err(Failure::Refused("HEIF pictures of this coding are not accepted".to_owned())),
        };
        if told > bytes.len() {
            return Err(malformed("pictures lie on one another"));
        }
        kept.insert(*id, Kept { kind: item.kind, is_hidden: item.is_hidden, properties, data });
    }
    // A grid's tiles repeat its pixels once; alpha does so again.
    if pixels > limits.max_pixels.saturating_mul(4) {
        return Err(Failure::Limit {
            name: "max_pixels",
            what: "the pictures' number of pixels".to_owned(),
            limit: limits.max_pixels,
        });
    }
    let out = write::file(&source, &kept).ok_or_else(|| malformed("it is too large"))?;
    Ok((out, removed))
}

/// The primary item and its alpha plane, each with what it is derived from.
fn choose(source: &Source<'_>) -> Result<BTreeSet<u32>, Failure> {
    let mut chosen = BTreeSet::new();
    let mut open = vec![source.primary];
    open.extend(source.referring(b"auxl", source.primary).into_iter().filter(|&id| is_alpha(source, id)));
    while let Some(id) = open.pop() {
        let kind = &source.item(id)?.kind;
        if !chosen.insert(id) {
            continue;
        }
        for &from in derived_from(source, id) {
            // A grid is made of coded pictures, an identity of either: nothing can be derived from itself.
            match (kind, &source.item(from)?.kind) {
                (_, b"hvc1") | (b"iden", b"grid") if chosen.contains(&from) => {}
                (_, b"hvc1") | (b"iden", b"grid") => open.push(from),
                _ => {
                    return Err(Failure::Refused(
                        "HEIF pictures derived in this way are not accepted".to_owned(),
                    ));
                }
            }
        }
    }
    Ok(chosen)
}

/// The items that a grid or an identity shows.
fn derived_from<'a>(source: &'a Source<'_>, id: u32) -> &'a [u32] {
    match source.items.get(&id).map(|item| &item.kind) {
        Some(b"grid" | b"iden") => source.references(b"dimg", id),
        _ => &[],
    }
}

fn is_alpha(source: &Source<'_>, id: u32) -> bool {
    source.associations(id).iter().any(|&(n, _)| {
        source.property(n).is_some_and(|property| {
            property.name == *b"auxC" && ALPHA.iter().any(|kind| property.body.get(4..) == Some(kind))
        })
    })
}

/// Numbers of the properties of an item that are kept; one that is not, but is essential, fails.
fn properties(source: &Source<'_>, id: u32, removed: &mut Vec<Removed>) -> Result<Vec<usize>, Failure> {
    let mut kept = Vec::new();
    for &(number, is_essential) in source.associations(id) {
        let property = source.property(number).ok_or_else(|| malformed("a property does not exist"))?;
        if is_allowed(property) {
            kept.push(number);
        } else if is_essential {
            return Err(Failure::Refused("HEIF pictures with this property are not accepted".to_owned()));
        } else {
            let is_profile = property.name == *b"colr";
            let place = if is_profile { "colour profile that is not sound" } else { "property of a picture" };
            removed.push(Removed::new(What::Metadata, place, 1));
        }
    }
    Ok(kept)
}

/// A property of a kind that is needed to show the picture, and of that kind's form.
fn is_allowed(property: &Property<'_>) -> bool {
    let body = property.body;
    match &property.name {
        b"ispe" => body.len() == 12,
        b"pixi" => body.get(4).is_some_and(|&n| body.len() == 5 + usize::from(n)),
        b"irot" | b"imir" => body.len() == 1,
        b"pasp" => body.len() == 8,
        b"clap" => body.len() == 32,
        b"colr" => match body.split_first_chunk() {
            Some((b"nclx", rest)) => rest.len() == 7,
            Some((b"prof" | b"rICC", profile)) => icc::is_sane(profile, 3) || icc::is_sane(profile, 1),
            _ => false,
        },
        b"auxC" => ALPHA.iter().any(|kind| body.get(4..) == Some(kind)),
        b"hvcC" => property.hevc_length_size().is_some(),
        _ => false,
    }
}

/// Width and height by the item's `ispe` property.
fn size(source: &Source<'_>, properties: &[usize]) -> Result<(u32, u32), Failure> {
    let ispe =
        properties.iter().filter_map(|&n| source.property(n)).find(|property| property.name == *b"ispe");
    let sides = ispe.and_then(|ispe| {
        let side = |at: usize| ispe.body.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        Some((side(4)?, side(8)?))
    });
    sides.ok_or_else(|| malformed("a picture has no size"))
}

/// A grid has as many tiles as it says, and a size within the limits (ISO/IEC 23008-12, 6.6.2.3).
fn grid(data: &[u8], tiles: usize, limits: &Limits) -> Result<(), Failure> {
    let wrong = || malformed("a grid is not what it says");
    let (width, height, rows, columns) = match *data {
        [0, 0, rows, columns, a, b, c, d] => {
            (u16::from_be_bytes([a, b]).into(), u16::from_be_bytes([c, d]).into(), rows, columns)
        }
        [0, 1, rows, columns, a, b, c, d, e, f, g, h] => {
            (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]), rows, columns)
        }
        _ => return Err(wrong()),
    };
    check_dimensions(width, height, 4, limits)?;
    match (usize::from(rows) + 1) * (usize::from(columns) + 1) == tiles {
        true => Ok(()),
        false => Err(wrong()),
    }
}

/// What an item that is left behind is.
fn removal(source: &Source<'_>, id: u32, item: &Item) -> Removed {
    let (what, place) = match &item.kind {
        b"Exif" => (What::Metadata, "EXIF"),
        b"mime" => (What::Metadata, "XMP or other text"),
        _ if !source.references(b"thmb", id).is_empty() => (What::Metadata, "thumbnail"),
        _ if !source.references(b"auxl", id).is_empty() => {
            (What::Metadata, "depth map, gain map or the like")
        }
        b"hvc1" | b"grid" | b"iden" | b"iovl" => (What::UnknownPart, "further picture"),
        _ => (What::UnknownPart, "item that is not known"),
    };
    Removed::new(what, place, 1)
}

fn malformed(problem: &str) -> Failure {
    Failure::Malformed(problem.to_owned())
}
