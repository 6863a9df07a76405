//! HEIF: boxes made here around NAL units that only look like HEVC.

use super::*;

const ALPHA: &[u8] = b"\0\0\0\0urn:mpeg:hevc:2015:auxid:1\0";

fn boxed(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [u32::try_from(body.len() + 8).unwrap().to_be_bytes().as_slice(), name, &body].concat()
}

/// NAL units of these types, each behind its length.
fn units(kinds: &[u8], content: &[u8]) -> Vec<u8> {
    kinds
        .iter()
        .flat_map(|kind| {
            let unit = [&[kind << 1, 1], content].concat();
            [u32::try_from(unit.len()).unwrap().to_be_bytes().to_vec(), unit].concat()
        })
        .collect()
}

/// A decoder configuration with one unit of each of these types.
fn configuration(kinds: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = [&[1], [0; 20].as_slice(), &[3, u8::try_from(kinds.len()).unwrap()]].concat();
    for kind in kinds {
        let length = u8::try_from(content.len() + 2).unwrap();
        out.extend([0x80 | kind, 0, 1, 0, length, kind << 1, 1]);
        out.extend(content);
    }
    out
}

fn size(width: u32, height: u32) -> Vec<u8> {
    boxed(b"ispe", &[&[0; 4], &width.to_be_bytes(), &height.to_be_bytes()])
}

#[derive(Clone)]
struct Thing {
    kind: [u8; 4],
    properties: Vec<Vec<u8>>,
    refers: Option<(&'static [u8; 4], Vec<u16>)>,
    data: Vec<u8>,
}

fn picture() -> Thing {
    let properties = vec![boxed(b"hvcC", &[&configuration(&[32, 33, 34], b"set")]), size(64, 64)];
    Thing { kind: *b"hvc1", properties, refers: None, data: units(&[20], b"slice") }
}

fn metadata(kind: &[u8; 4], content: &[u8]) -> Thing {
    Thing { kind: *kind, properties: Vec::new(), refers: Some((b"cdsc", vec![1])), data: content.to_vec() }
}

/// A file of these items, numbered from 1; the first is the primary one.
fn heif(things: &[Thing], more_meta: &[u8], behind: &[u8]) -> Vec<u8> {
    let ftyp = boxed(b"ftyp", &[b"heic\0\0\0\0mif1heicevil"]);
    let build = |start: usize| {
        let (mut infe, mut iloc, mut iref, mut ipco, mut ipma) = (vec![], vec![], vec![], vec![], vec![]);
        let (mut at, mut number) = (start, 0_u8);
        for (id, thing) in (1_u16..).zip(things) {
            let id = id.to_be_bytes();
            infe.extend(boxed(b"infe", &[&[2, 0, 0, 0], &id, &[0, 0], &thing.kind, b"name\0"]));
            iloc.extend([&id[..], &[0, 0, 0, 1]].concat());
            iloc.extend(u32::try_from(at).unwrap().to_be_bytes());
            iloc.extend(u32::try_from(thing.data.len()).unwrap().to_be_bytes());
            at += thing.data.len();
            if let Some((kind, to)) = &thing.refers {
                let count = u16::try_from(to.len()).unwrap().to_be_bytes();
                let to: Vec<u8> = to.iter().flat_map(|n| n.to_be_bytes()).collect();
                iref.extend(boxed(kind, &[&id, &count, &to]));
            }
            ipma.extend([&id[..], &[u8::try_from(thing.properties.len()).unwrap()]].concat());
            for property in &thing.properties {
                number += 1;
                ipma.push(number);
                ipco.extend(property);
            }
        }
        let count = u16::try_from(things.len()).unwrap().to_be_bytes();
        let long = u32::from(u16::from_be_bytes(count)).to_be_bytes();
        let iprp = [boxed(b"ipco", &[&ipco]), boxed(b"ipma", &[&[0; 4], &long, &ipma])].concat();
        boxed(
            b"meta",
            &[
                &[0; 4],
                &boxed(b"hdlr", &[&[0; 8], b"pict", &[0; 12], b"name\0"]),
                &boxed(b"pitm", &[&[0; 4], &[0, 1]]),
                &boxed(b"iinf", &[&[0; 4], &count, &infe]),
                &boxed(b"iref", &[&[0; 4], &iref]),
                &boxed(b"iprp", &[&iprp]),
                &boxed(b"iloc", &[&[0, 0, 0, 0, 0x44, 0], &count, &iloc]),
                more_meta,
            ],
        )
    };
    let start = ftyp.len() + build(0).len() + 8;
    let data: Vec<u8> = things.iter().flat_map(|thing| thing.data.clone()).collect();
    [ftyp, build(start), boxed(b"mdat", &[&data]), behind.to_vec()].concat()
}

fn places(removed: &[(What, String)]) -> Vec<&str> {
    let mut places: Vec<&str> = removed.iter().map(|(_, place)| place.as_str()).collect();
    places.sort_unstable();
    places
}

#[test]
fn the_picture_is_kept_with_its_turn() {
    let mut turned = picture();
    turned.properties.push(boxed(b"irot", &[&[1]]));
    turned.properties.push(boxed(b"pixi", &[&[0, 0, 0, 0, 3, 8, 8, 8]]));
    turned.properties.push(boxed(b"colr", &[b"nclx\0\x01\0\x0d\0\x06\x80"]));
    let (out, removed) = rebuilt(&heif(&[turned.clone()], b"", b""), Format::Heif);
    assert!(removed.is_empty(), "{removed:?}");
    for property in &turned.properties {
        assert!(holds(&out, property));
    }
    assert!(out.ends_with(&turned.data) && !holds(&out, b"evil") && !holds(&out, b"name"));
}

#[test]
fn the_report_says_that_pixels_are_not_re_encoded() {
    let declared = Declared { name: "a.heic", media_type: "" };
    let result = sanitize(&heif(&[picture()], b"", b""), &declared, &Settings::default(), &mut NoInspector);
    let steps = &result.report().steps;
    let detail = steps.iter().find(|step| step.name == "rebuild").and_then(|step| step.detail.as_deref());
    assert_eq!(detail, Some("pixels not re-encoded"));
}

#[test]
fn a_grid_and_its_alpha_are_kept_and_nothing_else() {
    let mut grid = Thing { kind: *b"grid", refers: Some((b"dimg", vec![2, 3])), ..picture() };
    grid.properties = vec![size(128, 64)];
    grid.data = vec![0, 0, 0, 1, 0, 128, 0, 64];
    let mut alpha = picture();
    alpha.properties.push(boxed(b"auxC", &[ALPHA]));
    alpha.refers = Some((b"auxl", vec![1]));
    let mut depth = picture();
    depth.properties.push(boxed(b"auxC", &[b"\0\0\0\0urn:mpeg:hevc:2015:auxid:2\0"]));
    depth.refers = Some((b"auxl", vec![1]));
    let thumbnail = Thing { refers: Some((b"thmb", vec![1])), ..picture() };
    let things = [
        grid,
        picture(),
        picture(),
        alpha,
        depth,
        thumbnail,
        metadata(b"Exif", b"payload Exif"),
        metadata(b"mime", b"payload <x:xmpmeta"),
        metadata(b"evil", b"payload"),
        picture(),
    ];
    let uuid = boxed(b"uuid", &[b"payload"]);
    let free = boxed(b"free", &[b"payload"]);
    let moov = boxed(b"moov", &[b"payload"]);
    let behind = [free, moov, uuid.clone(), b"payload".to_vec()].concat();
    let (out, removed) = rebuilt(&heif(&things, &uuid, &behind), Format::Heif);
    assert_eq!(
        places(&removed),
        [
            "EXIF",
            "XMP or other text",
            "box meta/uuid",
            "box uuid",
            "bytes behind the last box",
            "data in free space",
            "depth map, gain map or the like",
            "film",
            "further picture",
            "item that is not known",
            "thumbnail"
        ]
    );
    assert!(!holds(&out, b"payload") && !holds(&out, b"auxid:2"));
    assert!(holds(&out, ALPHA) && holds(&out, b"dimg\0\x01\0\x02\0\x02\0\x03"));
    assert_eq!(memchr::memmem::find_iter(&out, b"slice").count(), 3);
}

#[test]
fn user_data_among_nal_units_and_parameter_sets_goes() {
    let mut hidden = picture();
    hidden.properties[0] = boxed(b"hvcC", &[&configuration(&[32, 33, 34, 39], b"payload")]);
    hidden.data = [units(&[39, 62], b"payload"), units(&[20], b"slice"), units(&[38], b"payload")].concat();
    let (out, removed) = rebuilt(&heif(&[hidden], b"", b""), Format::Heif);
    assert_eq!(places(&removed), ["HEVC supplemental information"]);
    assert_eq!(memchr::memmem::find_iter(&out, b"payload").count(), 3, "only inside parameter sets");
}

#[test]
fn an_insane_profile_goes() {
    let mut coloured = picture();
    coloured.properties.push(boxed(b"colr", &[b"profpayload"]));
    let (out, removed) = rebuilt(&heif(&[coloured], b"", b""), Format::Heif);
    assert_eq!(places(&removed), ["colour profile that is not sound"]);
    assert!(!holds(&out, b"payload"));
}

#[test]
fn pictures_that_are_not_hevc_slices_are_malformed() {
    for data in
        [b"payload".to_vec(), vec![0; 16], units(&[39], b"x"), units(&[20], b"x")[..6].to_vec(), Vec::new()]
    {
        let broken = Thing { data, ..picture() };
        assert!(matches!(fails(&heif(&[broken], b"", b""), Format::Heif), Failure::Malformed(_)));
    }
    let other = Thing { kind: *b"jpeg", ..picture() };
    assert!(matches!(fails(&heif(&[other], b"", b""), Format::Heif), Failure::Refused(_)));
}

#[test]
fn grids_that_lie_or_contain_themselves_fail() {
    let grid = |data: &[u8], tiles: Vec<u16>| {
        let refers = Some((b"dimg", tiles));
        Thing { kind: *b"grid", properties: vec![size(64, 64)], refers, data: data.to_vec() }
    };
    let honest = [0, 0, 0, 1, 0, 128, 0, 64];
    for (data, tiles) in [
        (&honest[..], vec![2]),
        (&honest, vec![2, 2, 2]),
        (&honest, vec![2, 99]),
        (&honest[..7], vec![2, 2]),
        (&honest, vec![1, 2]),
    ] {
        let failure = fails(&heif(&[grid(data, tiles), picture()], b"", b""), Format::Heif);
        assert!(matches!(failure, Failure::Malformed(_) | Failure::Refused(_)), "{failure:?}");
    }
    let huge = [0, 1, 0, 1, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff];
    let failure = fails(&heif(&[grid(&huge, vec![2, 2]), picture()], b"", b""), Format::Heif);
    assert!(matches!(failure, Failure::Limit { name: "max_pixels", .. }));
}

#[test]
fn giants_and_lies_about_places_fail() {
    let mut giant = picture();
    giant.properties[1] = size(15_000, 10_000);
    let failure = fails(&heif(&[giant], b"", b""), Format::Heif);
    assert!(matches!(failure, Failure::Limit { name: "max_pixels", .. }));
    let bytes = heif(&[picture()], b"", b"");
    let place = memchr::memmem::find(&bytes, b"iloc").unwrap() + 18;
    let mut far = bytes.clone();
    far[place..place + 4].fill(0xff);
    let twice = heif(&[picture()], &boxed(b"pitm", &[&[0; 4], &[0, 1]]), b"");
    for hostile in [far, twice, bytes[..bytes.len() - 1].to_vec(), bytes[..40].to_vec()] {
        assert!(matches!(fails(&hostile, Format::Heif), Failure::Malformed(_)));
    }
}

#[test]
fn a_heif_that_is_also_an_archive_is_refused() {
    assert_eq!(verdict(&[heif(&[picture()], b"", b""), archive()].concat(), "a.heic"), Verdict::Refused);
}

fn grid_of_two(tiles: [Thing; 2]) -> Vec<Thing> {
    let grid = Thing {
        kind: *b"grid",
        properties: vec![size(128, 64)],
        refers: Some((b"dimg", vec![2, 3])),
        data: vec![0, 0, 0, 1, 0, 128, 0, 64],
    };
    let [first, second] = tiles;
    vec![grid, first, second]
}

#[test]
fn pictures_that_lie_on_one_another_are_malformed() {
    let large = Thing { data: units(&[20], &[1; 5000]), ..picture() };
    let mut bytes = heif(&grid_of_two([large, picture()]), b"", b"");
    assert!(tried(&bytes, Format::Heif, &Limits::default()).0.is_ok());
    // The second tile is told to be where the first one is.
    let place = |item: usize| memchr::memmem::find(&bytes, b"iloc").unwrap() + 18 + 14 * item;
    let (first, second) = (place(1), place(2));
    bytes.copy_within(first..first + 8, second);
    assert!(matches!(fails(&bytes, Format::Heif), Failure::Malformed(_)));
}

#[test]
fn properties_that_are_shared_are_charged() {
    let bytes = heif(&grid_of_two([picture(), picture()]), b"", b"");
    let limits = Limits { max_expanded_bytes: 10, ..Limits::default() };
    let failure = tried(&bytes, Format::Heif, &limits).0.unwrap_err();
    assert!(matches!(failure, Failure::Limit { name: "max_expanded_bytes", .. }), "{failure:?}");
}

#[test]
fn tiles_that_are_coded_in_different_ways_are_malformed() {
    let mut other = picture();
    other.properties[0] = boxed(b"hvcC", &[&configuration(&[32, 33, 34], b"larger")]);
    let failure = fails(&heif(&grid_of_two([picture(), other]), b"", b""), Format::Heif);
    assert!(matches!(failure, Failure::Malformed(_)), "{failure:?}");
}
