//! How long is a record by its own counts? Room behind that is room for anything.

use super::record::u16_at;

/// Where the length of a record follows from what it holds.
enum Rule {
    /// A number of entries at a place, then at another place the entries of this size.
    Entries { count_at: usize, start: usize, size: usize },
    /// A text with its number of characters in 2 bytes at a place.
    Text { at: usize },
    /// The same with 1 byte.
    ShortText { at: usize },
    /// A text, or nothing at all.
    TextOrNothing,
    /// Cells in a row, from the column at 2 to that in the last 2 bytes, of this size.
    Columns { size: usize },
    /// Extensions: their number at a place, then from another place on each with its type and size.
    Parts { count_at: usize, start: usize },
    /// As its own function tells.
    Own(fn(&[u8]) -> Option<usize>),
}

use Rule::{Columns, Entries, Own, Parts, ShortText, Text, TextOrNothing};

const RULES: &[(u16, Rule)] = &[
    (0x0014, TextOrNothing),                                     // Header
    (0x0015, TextOrNothing),                                     // Footer
    (0x001a, Entries { count_at: 0, start: 2, size: 6 }),        // VerticalPageBreaks
    (0x001b, Entries { count_at: 0, start: 2, size: 6 }),        // HorizontalPageBreaks
    (0x001c, Own(note)),                                         // Note
    (0x001d, Entries { count_at: 7, start: 9, size: 6 }),        // Selection
    (0x0031, ShortText { at: 14 }),                              // Font
    (0x0090, Own(sort)),                                         // Sort
    (0x0092, Entries { count_at: 0, start: 2, size: 4 }),        // Palette
    (0x009e, Own(filter)),                                       // AutoFilter
    (0x00bd, Columns { size: 6 }),                               // MulRk
    (0x00be, Columns { size: 2 }),                               // MulBlank
    (0x00d6, Own(rich_text)),                                    // RString
    (0x00e5, Entries { count_at: 0, start: 2, size: 8 }),        // MergeCells
    (0x00ef, Entries { count_at: 4, start: 6, size: 8 }),        // PhoneticInfo
    (0x01b0, Entries { count_at: 12, start: 14, size: 8 }),      // CondFmt
    (0x0204, Text { at: 6 }),                                    // Label
    (0x0293, Own(style)),                                        // Style
    (0x041e, Text { at: 2 }),                                    // Format
    (0x0850, Entries { count_at: 6, start: 8, size: 4 }),        // ChartFrtInfo
    (0x086b, Own(label_contents)),                               // DataLabExtContents
    (0x087d, Parts { count_at: 18, start: 20 }),                 // XFExt
    (0x088d, Parts { count_at: 16, start: 18 }),                 // DXF
    (0x088e, Own(table_styles)),                                 // TableStyles
    (0x088f, Entries { count_at: 18, start: 20, size: 2 }),      // TableStyle
    (0x0892, Own(style_extension)),                              // StyleExt
    (0x089c, Own(headers)),                                      // HeaderFooter
    (0x100d, ShortText { at: 2 }),                               // SeriesText
    (0x1016, Entries { count_at: 0, start: 2, size: 2 }),        // SeriesList
    (0x1050, Entries { count_at: 0, start: 2, size: 4 }),        // AlRuns
    (0x105c, Entries { count_at: 0, start: 2, size: 4 }),        // ClrtClient
    (0x1067, Own(|body| Some(2 + short(body, 0)?.div_ceil(8)))), // BopPopCustom
];

/// The length of a record by its own counts, where it has any; `None`: it holds less than it counts.
pub(super) fn length(code: u16, body: &[u8]) -> Option<usize> {
    let rule = RULES.iter().find(|(known, _)| *known == code).map(|(_, rule)| rule);
    let length = match rule {
        None => body.len(),
        Some(Entries { count_at, start, size }) => start + short(body, *count_at)? * size,
        Some(Text { at }) => text(body, *at)?,
        Some(ShortText { at }) => characters(body, at + 1, usize::from(*body.get(*at)?))?,
        Some(TextOrNothing) if body.is_empty() => 0,
        Some(TextOrNothing) => text(body, 0)?,
        Some(Columns { size }) => {
            let last = short(body, body.len().checked_sub(2)?)?;
            let count = (last + 1).checked_sub(short(body, 2)?)?;
            // The last column stands at the end, so that nothing can be cut.
            return (body.len() == 6 + count * size).then_some(body.len());
        }
        Some(Parts { count_at, start }) => parts(body, *count_at, *start)?,
        Some(Own(length)) => length(body)?,
    };
    (length <= body.len()).then_some(length)
}

fn short(body: &[u8], at: usize) -> Option<usize> {
    u16_at(body, at).map(usize::from)
}

/// Where so many characters behind a flags byte end.
fn characters(body: &[u8], at: usize, count: usize) -> Option<usize> {
    let width = if body.get(at)? & 1 == 0 { 1 } else { 2 };
    Some(at + 1 + count * width)
}

/// Where a text with a count in 2 bytes ends.
fn text(body: &[u8], at: usize) -> Option<usize> {
    characters(body, at + 2, short(body, at)?)
}

/// Where so many parts end, each with its type and size.
fn parts(body: &[u8], count_at: usize, start: usize) -> Option<usize> {
    let mut end = start;
    for _ in 0..short(body, count_at)? {
        end += short(body, end + 2)?.max(4);
    }
    Some(end)
}

/// Cell, flags, object, author, a byte.
fn note(body: &[u8]) -> Option<usize> {
    Some(text(body, 8)? + 1)
}

/// Flags, order, lengths of three keys, the keys that are not empty, a byte.
fn sort(body: &[u8]) -> Option<usize> {
    let mut end = 5;
    for length_at in 2..5 {
        match usize::from(*body.get(length_at)?) {
            0 => {}
            length => end = characters(body, end, length)?,
        }
    }
    Some(end + 1)
}

/// Number, flags, two conditions of 10 bytes; texts (type 6) stand behind.
fn filter(body: &[u8]) -> Option<usize> {
    let mut end = 24;
    for condition in [4, 14] {
        if *body.get(condition)? == 6 {
            end = characters(body, end, usize::from(*body.get(condition + 6)?))?;
        }
    }
    Some(end)
}

/// Cell, text, runs.
fn rich_text(body: &[u8]) -> Option<usize> {
    let end = text(body, 6)?;
    Some(end + 2 + short(body, end)? * 4)
}

/// Built in: number and level. Else a name.
fn style(body: &[u8]) -> Option<usize> {
    match u16_at(body, 0)? & 0x8000 {
        0 => text(body, 2),
        _ => Some(4),
    }
}

/// Flags, a separator.
fn label_contents(body: &[u8]) -> Option<usize> {
    match short(body, 14)? {
        0 => Some(16),
        _ => text(body, 14),
    }
}

/// Number, and the lengths of two names.
fn table_styles(body: &[u8]) -> Option<usize> {
    Some(20 + (short(body, 16)? + short(body, 18)?) * 2)
}

/// Flags, a name, properties.
fn style_extension(body: &[u8]) -> Option<usize> {
    let name = 18 + short(body, 16)? * 2;
    parts(body, name + 2, name + 4)
}

/// The lengths of four texts, those that are not empty.
fn headers(body: &[u8]) -> Option<usize> {
    let mut end = 38;
    for length_at in [30, 32, 34, 36] {
        if short(body, length_at)? > 0 {
            end = text(body, end)?;
        }
    }
    Some(end)
}
