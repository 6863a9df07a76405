//! Does the declared name and media type fit what was found?
//!
//! Strict where a wrong name changes what opens the file, lenient where senders are merely vague: no extension,
//! `application/octet-stream`, the browser's `application/vnd.ms-excel` for CSV.

use super::{Declared, Kind};
use crate::format::Format;
use crate::report::{is_invisible, plain};

/// Why the name or media type does not fit, in plain words.
pub(super) fn disagreement(kind: &Kind, declared: &Declared<'_>) -> Option<String> {
    hidden_in_name(declared.name)
        .or_else(|| wrong_extension(kind, declared.name))
        .or_else(|| wrong_media_type(kind, declared.media_type))
}

/// Extensions that make a system run, install or redirect: never acceptable, whatever the content.
const PROGRAMS: &str = "ade adp apk app appinstaller application appref-ms appx appxbundle asp aspx bas bash bat cab cer \
    chm class cmd cnt com command cpl crt csh deb desktop diagcab dll dmg dqy exe fxp gadget grp hlp \
    hpj hta htc img inf ins iqy iso isp its jar jnlp js jse jsp ksh lib library-ms lnk mad mde msc msi \
    msix msp mst ocx oqy osd php pif pkg pl plg prf ps1 ps1xml ps2 psc1 psd1 psm1 py pyc pyw reg rpm \
    run scf scr sct search-ms settingcontent-ms sh shb shs slk so sys url vb vbe vbs vhd vhdx website \
    wsc wsf wsh xbap xll";

/// Program extensions that also occur inside honest names: domain names (`voorbeeld.com.pdf`), libraries (`node.js.pdf`).
const HARMLESS_INSIDE: &str = "app application asp aspx com js jsp lib php pl py sh so url";

/// Extensions of script hosts, whose files are plain text.
const SCRIPTS: &str = "bash bat cmd csh hta js jse ksh php pl ps1 psd1 psm1 py sct sh vb vbe vbs wsc wsf wsh";

/// Further extensions of a format, beside the table's.
const ALIASES: [(Format, &[&str]); 7] = [
    (Format::Text, &["asc", "cpg", "ini", "prj", "yaml", "yml"]),
    (Format::Csv, &["tab"]),
    (Format::Xml, &["atom", "gml", "gpx", "kml", "rss", "xbrl", "xsd"]),
    (Format::Json, &["geojson", "topojson"]),
    (Format::Bmp, &["dib"]),
    (Format::Heif, &["hif"]),
    (Format::Executable, &[]),
];

fn listed(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

/// The last path component, without what file systems drop from its end.
fn last_component(name: &str) -> &str {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    last.trim_end_matches(|c: char| c == '.' || c.is_whitespace())
}

/// The extension in lower case, without its dot; `None` where the name has none.
pub(crate) fn extension(name: &str) -> Option<String> {
    let (_, extension) = last_component(name).rsplit_once('.')?;
    let plausible =
        !extension.is_empty() && extension.len() <= 20 && !extension.contains(char::is_whitespace);
    plausible.then(|| extension.to_lowercase())
}

/// Whether a file of this format may have this (lower-case) extension.
pub(crate) fn fits_extension(format: Format, extension: &str) -> bool {
    let aliases = ALIASES.iter().find(|(known, _)| *known == format).map_or(&[][..], |(_, aliases)| aliases);
    format.extensions().contains(&extension) || aliases.contains(&extension)
}

/// Whether the declared name, or without an extension the media type, asks for this format.
pub(super) fn wants(declared: &Declared<'_>, format: Format) -> bool {
    match extension(declared.name).filter(|e| is_known_extension(e)) {
        Some(extension) => fits_extension(format, &extension),
        None => essence(declared.media_type) == format.media_type(),
    }
}

/// Whether the name ends like a script's.
pub(super) fn is_script(declared: &Declared<'_>) -> bool {
    extension(declared.name).is_some_and(|e| listed(SCRIPTS, &e))
}

/// Whether some format has this (lower-case) extension.
pub(crate) fn is_known_extension(extension: &str) -> bool {
    Format::ALL.iter().any(|&format| fits_extension(format, extension))
}

/// Tricks that make a name look like another.
fn hidden_in_name(name: &str) -> Option<String> {
    let joiner = |c| matches!(c, '\u{200c}' | '\u{200d}'); // needed to write Persian, Hindi and others
    if name.chars().any(|c| c.is_control() || (is_invisible(c) && !joiner(c))) {
        return Some("the name has invisible or direction-changing characters".to_owned());
    }
    let last = last_component(name);
    if last.contains(":$") {
        return Some("the name is that of an NTFS stream".to_owned());
    }
    // Every part that some system may take for the end of the name.
    for part in last.split([':', ';']) {
        if let Some(extension) = extension(part).filter(|e| listed(PROGRAMS, e)) {
            return Some(format!("named .{}, a program or shortcut", plain(&extension)));
        }
    }
    let inner = last.split('.').skip(1).map(|part| part.trim().to_lowercase());
    inner
        .filter(|part| listed(PROGRAMS, part) && !listed(HARMLESS_INSIDE, part))
        .map(|part| format!("the name hides .{} before its last extension", plain(&part)))
        .next()
}

fn wrong_extension(kind: &Kind, name: &str) -> Option<String> {
    let extension = extension(name)?;
    let fits = match kind.extensions {
        Some(only) => only.contains(&extension.as_str()),
        None => siblings(kind.format).iter().any(|&format| fits_extension(format, &extension)),
    };
    // Text formats are told apart by their names alone: there, an unknown one means an unknown use.
    let is_textual = matches!(kind.format, Format::Text | Format::Csv | Format::Json | Format::Xml);
    let telling = is_known_extension(&extension)
        || (is_textual && extension.contains(|c: char| c.is_ascii_alphabetic()) && extension.len() <= 10);
    (telling && !fits).then(|| format!("named .{}, but the content is {}", plain(&extension), kind.words))
}

/// The media type without parameters, in lower case.
fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn wrong_media_type(kind: &Kind, media_type: &str) -> Option<String> {
    const SAY_NOTHING: [&str; 8] = [
        "",
        "application/octet-stream",
        "binary/octet-stream",
        "application/binary",
        "application/download",
        "application/force-download",
        "application/x-download",
        "application/unknown",
    ];
    let essence = essence(media_type);
    if SAY_NOTHING.contains(&essence.as_str())
        || kind.format == Format::Unknown
        || siblings(kind.format).iter().any(|&format| fits_media_type(format, &essence))
    {
        return None;
    }
    let class = essence.split('/').next().unwrap_or_default();
    let telling =
        matches!(class, "image" | "audio" | "video" | "font" | "model" | "text" | "multipart" | "message")
            || Format::ALL.iter().any(|&format| fits_media_type(format, &essence))
            || [
                "msdownload",
                "executable",
                "javascript",
                "ecmascript",
                "x-sh",
                "hta",
                "java-archive",
                "x-msi",
            ]
            .iter()
            .any(|program| essence.contains(program));
    telling.then(|| format!("declared as {}, but the content is {}", plain(&essence), kind.words))
}

/// The formats whose names and media types do as well: what one program without macros opens all alike. The rebuilt file
/// gets a name of its own type.
fn siblings(format: Format) -> &'static [Format] {
    use Format as F;
    const FAMILIES: [&[Format]; 3] = [&[F::Docx, F::Dotx], &[F::Xlsx, F::Xltx], &[F::Pptx, F::Potx, F::Ppsx]];
    let itself = Format::ALL.iter().position(|&known| known == format);
    FAMILIES
        .into_iter()
        .find(|family| family.contains(&format))
        .or_else(|| Format::ALL.get(itself?..itself? + 1))
        .unwrap_or_default()
}

fn fits_media_type(format: Format, essence: &str) -> bool {
    use Format as F;
    const ZIP: [&str; 4] =
        ["application/zip", "application/x-zip", "application/x-zip-compressed", "application/x-compressed"];
    let one_of = |types: &[&str]| types.contains(&essence);
    let suffix = |suffix| essence.starts_with("application/") && essence.ends_with(suffix);
    if essence == format.media_type().to_ascii_lowercase() && format != F::Unknown {
        return true;
    }
    match format {
        F::Docx | F::Docm | F::Dotx | F::Dotm => one_of(&ZIP) || one_of(&["application/msword"]),
        F::Xlsx | F::Xlsm | F::Xltx | F::Xltm | F::Xlsb => {
            one_of(&ZIP) || one_of(&["application/vnd.ms-excel"])
        }
        F::Pptx | F::Pptm | F::Potx | F::Potm | F::Ppsx | F::Ppsm => {
            one_of(&ZIP) || one_of(&["application/vnd.ms-powerpoint"])
        }
        F::Zip => one_of(&ZIP),
        F::Odt | F::Ods | F::Odp | F::Odg | F::Ott | F::Ots | F::Otp | F::Otg => one_of(&ZIP),
        F::Doc | F::Xls | F::Ppt | F::Msg => {
            one_of(&["application/x-ole-storage", "application/x-cfb", "application/cdfv2"])
        }
        F::Emf => one_of(&["image/x-emf", "application/x-emf"]),
        F::Wmf => one_of(&["image/x-wmf", "application/x-wmf", "application/x-msmetafile"]),
        F::Pdf => one_of(&["application/x-pdf", "application/acrobat", "text/pdf"]),
        F::Rtf => one_of(&["text/rtf", "application/x-rtf", "application/msword"]),
        F::Jpeg => one_of(&["image/jpg", "image/pjpeg", "image/jfif"]),
        F::Png => one_of(&["image/x-png", "image/apng"]),
        F::Bmp => one_of(&["image/x-bmp", "image/x-ms-bmp", "image/x-windows-bmp"]),
        F::Tiff => one_of(&["image/tif", "image/x-tif", "image/x-tiff"]),
        F::Svg => one_of(&["image/svg"]),
        F::Heif => one_of(&["image/heic", "image/heic-sequence", "image/heif-sequence"]),
        F::Html => one_of(&["application/xhtml+xml"]),
        F::Xml => {
            one_of(&["text/xml", "text/plain"])
                || (suffix("+xml") && !["svg", "xhtml", "xslt"].iter().any(|active| essence.contains(active)))
        }
        F::Json => one_of(&["text/json", "text/plain"]) || suffix("+json"),
        F::Csv => one_of(&[
            "text/plain",
            "application/csv",
            "application/x-csv",
            "text/x-csv",
            "text/comma-separated-values",
            "text/x-comma-separated-values",
            "text/tab-separated-values",
            "application/vnd.ms-excel",
        ]),
        F::Text => one_of(&[
            "text/markdown",
            "text/x-markdown",
            "text/x-log",
            "text/csv",
            "text/yaml",
            "text/x-yaml",
        ]),
        F::Mime => essence.starts_with("multipart/") || essence.starts_with("message/"),
        F::Gzip => one_of(&["application/x-gzip", "application/x-tgz", "application/x-tar"]),
        F::Rar => one_of(&["application/x-rar", "application/x-rar-compressed"]),
        _ => false,
    }
}
