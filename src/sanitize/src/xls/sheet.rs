//! One sheet or chart: records copied, formulas read, drawings and links rewritten.

use std::collections::HashMap;

use super::drawing::Drawing;
use super::formula::{self, Targets};
use super::globals::place as record_name;
use super::link::{self, Link};
use super::record::{Group, Record, Writer, code, groups, kind, u16_at, u32_at};
use super::table::{Fate, Scope, fate};
use super::text::{self, Strings};
use super::{art, picture};
use crate::failure::Failure;
use crate::job::Job;
use crate::report::{Removed, What};

/// What sheets need of the globals.
pub(super) struct Context<'a> {
    pub(super) targets: &'a Targets,
    pub(super) strings: &'a mut Strings,
    /// Strings there were before any were added.
    pub(super) shared: u32,
    pub(super) drawings: bool,
}

const VIEW_BEGIN: u16 = 0x01aa;
const VIEW_END: u16 = 0x01ab;

/// What the next String record is for.
enum Awaited {
    Nothing,
    /// The value of a formula that stays.
    Value,
    /// The text of a cell whose formula may not stay: row, column, format.
    Cell([u8; 6]),
}

/// Writes a sheet or chart without what may not stay.
pub(super) fn rebuild(
    records: &[Record<'_>],
    place: &str,
    context: &mut Context<'_>,
    to: &mut Writer,
    job: &mut Job<'_>,
) -> Result<(), Failure> {
    let scope = match records.first().and_then(|record| u16_at(record.body, 2)) {
        Some(kind::CHART) => Scope::Chart,
        _ => Scope::Sheet,
    };
    let groups = groups(records);
    let layout = Layout::of(&groups);
    let is_inside = |number: usize| layout.is_inside(number);
    let mut shapes = groups
        .iter()
        .enumerate()
        .filter(|(number, group)| group.head.code == code::MSO_DRAWING && !is_inside(*number));
    let drawing = match (shapes.next(), context.drawings) {
        (Some(_), true) => Drawing::read(&groups, &is_inside, place, job),
        (Some(_), false) => {
            let objects =
                groups.iter().filter(|group| matches!(group.head.code, code::OBJ | code::MSO_DRAWING));
            let count = u32::try_from(objects.count()).unwrap_or(u32::MAX);
            job.removed(Removed::new(What::UnknownPart, &format!("drawing of {place}"), count));
            Drawing::default()
        }
        (None, _) => Drawing::lines(&groups, &is_inside, place, job),
    };
    let mut page =
        Page { place, scope, context, to, drawing, anchors: HashMap::new(), awaited: Awaited::Nothing };
    page.read_anchors(&groups, &layout);
    page.write(records, &groups, &layout, job)
}

/// Where the substreams inside (charts) and saved views begin and end, as numbers of groups.
struct Layout {
    inside: Vec<(usize, usize)>,
    views: Vec<(usize, usize)>,
}

impl Layout {
    fn of(groups: &[Group<'_>]) -> Self {
        let mut layout = Self { inside: Vec::new(), views: Vec::new() };
        let (mut depth, mut start, mut view) = (0_u32, 0, None);
        for (number, group) in groups.iter().enumerate() {
            match group.head.code {
                code::BOF => {
                    depth += 1;
                    if depth == 2 {
                        start = number;
                    }
                }
                code::EOF => {
                    depth = depth.saturating_sub(1);
                    if depth == 1 {
                        layout.inside.push((start, number));
                    }
                }
                VIEW_BEGIN if depth == 1 => view = Some(number),
                VIEW_END if depth == 1 => layout.views.extend(view.take().map(|begin| (begin, number))),
                _ => {}
            }
        }
        layout
    }

    /// The last group of what begins at or before `number` and holds it.
    fn end_in(ranges: &[(usize, usize)], number: usize) -> Option<usize> {
        let behind = ranges.partition_point(|(start, _)| *start <= number);
        let (_, end) = ranges.get(behind.checked_sub(1)?)?;
        (number <= *end).then_some(*end)
    }

    fn is_inside(&self, number: usize) -> bool {
        Self::end_in(&self.inside, number).or_else(|| Self::end_in(&self.views, number)).is_some()
    }
}

struct Page<'a, 'b> {
    place: &'a str,
    scope: Scope,
    context: &'a mut Context<'b>,
    to: &'a mut Writer,
    drawing: Drawing,
    /// Cells that have an array or shared formula, and why it may not stay.
    anchors: HashMap<(u16, u16), Option<What>>,
    awaited: Awaited,
}

/// A formula record's parts.
struct Cell<'a> {
    head: [u8; 6],
    value: [u8; 8],
    flags: u16,
    tokens: &'a [u8],
    behind: &'a [u8],
}

impl<'a> Cell<'a> {
    fn parse(body: &'a [u8]) -> Option<Self> {
        let size = usize::from(u16_at(body, 20)?);
        let (tokens, behind) = body.get(22..)?.split_at_checked(size)?;
        Some(Self {
            head: body.get(..6)?.try_into().ok()?,
            value: body.get(6..14)?.try_into().ok()?,
            flags: u16_at(body, 14)?,
            tokens,
            behind,
        })
    }

    fn position(&self) -> (u16, u16) {
        let [a, b, c, d, ..] = self.head;
        (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
    }
}

/// Features that stay: what users may do on a protected sheet, and which errors are not marked. Exactly as long as these
/// are: features of other sizes have been used to attack Excel.
fn is_known_feature(record: &Record<'_>) -> bool {
    let body = record.body;
    let (kind, size) = (u16_at(body, 12), u32_at(body, 15));
    match (record.code, kind) {
        (code::FEATURE_HEADER, Some(2)) => body.len() == 23 && size == Some(u32::MAX),
        (code::FEATURE_HEADER, Some(3)) => body.len() == 19 && size == Some(0),
        (code::FEATURE, Some(3)) => {
            u16_at(body, 19).is_some_and(|count| body.len() == 27 + 8 * usize::from(count) + 4)
        }
        _ => false,
    }
}

/// The formatting of a rule (MS-XLS 2.5.91), behind the first 6 bytes of its record: flags, and what they say is there.
fn formatting(head: &[u8]) -> Option<&[u8]> {
    const START: usize = 6;
    let (flags, more) = (u32_at(head, START)?, u16_at(head, START + 4)?);
    let mut end = START + 6;
    if flags & 1 << 25 != 0 {
        // A number format: its number, or its text with the size of both.
        end += if more & 1 == 0 { 2 } else { usize::from(u16_at(head, end)?.clamp(2, 520)) };
    }
    // Font, alignment, border, pattern, protection.
    for (bit, size) in [(26, 118), (27, 8), (28, 8), (29, 4), (30, 2)] {
        if flags & 1 << bit != 0 {
            end += size;
        }
    }
    head.get(START..end)
}

/// The tokens of an array's or shared formula, and what is behind them.
fn range_formula<'a>(record: &Record<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let at = if record.code == code::ARRAY { 12 } else { 8 };
    let size = usize::from(u16_at(record.body, at)?);
    record.body.get(at + 2..)?.split_at_checked(size)
}

impl Page<'_, '_> {
    fn removed(&self, what: What, job: &mut Job<'_>) {
        job.removed(Removed::new(what, self.place, 1));
    }

    fn read_anchors(&mut self, groups: &[Group<'_>], layout: &Layout) {
        let mut last = None;
        for (_, group) in groups.iter().enumerate().filter(|(number, _)| !layout.is_inside(*number)) {
            match group.head.code {
                code::FORMULA => last = Cell::parse(group.head.body),
                code::ARRAY | code::SHARED_FORMULA => {
                    let found = range_formula(&group.head)
                        .map(|(tokens, behind)| formula::read(tokens, behind, self.context.targets));
                    let refused = match found {
                        Some(found) if found.elsewhere.is_none() => found.refused,
                        _ => Some(What::UnknownPart),
                    };
                    if let Some(cell) = &last {
                        self.anchors.insert(cell.position(), refused);
                    }
                }
                _ => {}
            }
        }
    }

    fn write(
        &mut self,
        records: &[Record<'_>],
        groups: &[Group<'_>],
        layout: &Layout,
        job: &mut Job<'_>,
    ) -> Result<(), Failure> {
        let good_validations = self.good_validations(groups);
        let starts = starts(groups);
        let mut number = 0;
        let mut chart = false;
        let mut linked = false;
        while let Some(group) = groups.get(number) {
            let here = number;
            number += 1;
            let body = group.head.body;
            if let Some(end) = Layout::end_in(&layout.inside, here) {
                number = end + 1;
                if chart && u16_at(body, 2) == Some(kind::CHART) {
                    let inside = records_between(records, &starts, here, end);
                    rebuild(inside, self.place, self.context, self.to, job)?;
                } else {
                    self.removed(What::UnknownPart, job);
                }
                chart = false;
                continue;
            }
            if let Some(end) = Layout::end_in(&layout.views, here) {
                number = end + 1;
                self.removed(What::Metadata, job);
                continue;
            }
            if !matches!(group.head.code, code::ARRAY | code::SHARED_FORMULA | 0x0236 | code::STRING) {
                self.no_text()?;
            }
            match group.head.code {
                code::BOF => {
                    let kind = if self.scope == Scope::Chart { kind::CHART } else { kind::SHEET };
                    self.to.put(code::BOF, &super::bof(kind))?;
                }
                code::EOF => self.to.put(code::EOF, &[])?,
                code::FORMULA | 0x0206 | 0x0406 => self.formula(body, job)?,
                code::ARRAY | code::SHARED_FORMULA => self.range(&group.head, job)?,
                code::STRING => self.string(group)?,
                code::LABEL_SST => match u32_at(body, 6) {
                    Some(text) if text < self.context.shared && body.len() == 10 => {
                        self.to.put(code::LABEL_SST, body)?;
                    }
                    _ => self.to.put(code::BLANK, body.get(..6).unwrap_or_default())?,
                },
                code::MSO_DRAWING | code::OBJ | code::TXO => chart |= self.drawing.write(here, self.to)?,
                code::CONDITION => self.condition(body, job)?,
                code::VALIDATIONS => {
                    let mut body = body.to_vec();
                    if let Some(place) = body.get_mut(14..18) {
                        let kept = u32::try_from(good_validations.len()).unwrap_or_default();
                        place.copy_from_slice(&kept.to_le_bytes());
                        self.to.put(code::VALIDATIONS, &body)?;
                    }
                }
                code::VALIDATION => match good_validations.get(&here) {
                    Some(end) => self.to.put(code::VALIDATION, body.get(..*end).unwrap_or_default())?,
                    None => self.removed(What::FormulaCell, job),
                },
                code::HLINK => {
                    linked = self.link(body)?;
                    if !linked {
                        self.removed(What::Link, job);
                    }
                }
                code::HLINK_TOOLTIP => {
                    if linked && body.len() <= 540 {
                        self.to.put(code::HLINK_TOOLTIP, body)?;
                    }
                }
                code::CHART_REFERENCE => self.chart_reference(body, job)?,
                code::CHART_FILL => self.chart_fill(&group.whole(), job)?,
                code::FEATURE_HEADER | code::FEATURE if is_known_feature(&group.head) => {
                    self.to.put(group.head.code, body)?;
                }
                code::FEATURE_HEADER | code::FEATURE => {
                    job.removed(Removed::new(What::UnknownPart, &record_name(group.head.code), 1));
                }
                // A comment goes with its box.
                code::NOTE if !u16_at(body, 6).is_some_and(|object| self.drawing.has_object(object)) => {
                    job.removed(Removed::new(What::UnknownPart, &record_name(code::NOTE), 1));
                }
                other => match fate(self.scope, other, body) {
                    Fate::Copied(length) => {
                        self.to.put(other, body.get(..length).unwrap_or_default())?;
                        if body.iter().skip(length).any(|&byte| byte != 0) {
                            job.removed(Removed::new(What::UnknownPart, &record_name(other), 1));
                        }
                        if !group.tail.is_empty() {
                            job.removed(Removed::new(What::UnknownPart, &record_name(code::CONTINUE), 1));
                        }
                    }
                    Fate::Dropped => {}
                    Fate::Removed(What::UnknownPart) => {
                        job.removed(Removed::new(What::UnknownPart, &record_name(other), 1));
                    }
                    Fate::Removed(what) => self.removed(what, job),
                },
            }
        }
        Ok(())
    }

    /// Writes an empty cell for a text that did not come.
    fn no_text(&mut self) -> Result<(), Failure> {
        match std::mem::replace(&mut self.awaited, Awaited::Nothing) {
            Awaited::Cell(head) => self.to.put(code::BLANK, &head),
            Awaited::Value | Awaited::Nothing => Ok(()),
        }
    }

    fn formula(&mut self, body: &[u8], job: &mut Job<'_>) -> Result<(), Failure> {
        let Some(cell) = Cell::parse(body) else {
            return Err(Failure::Malformed("a formula of the workbook is damaged".to_owned()));
        };
        let found = formula::read(cell.tokens, cell.behind, self.context.targets);
        let refused = match found.elsewhere {
            Some(anchor) => *self.anchors.get(&anchor).unwrap_or(&Some(What::FormulaCell)),
            None => found.refused,
        };
        let Some(what) = refused else {
            self.awaited = Awaited::Value;
            let mut out = cell.head.to_vec();
            out.extend(cell.value);
            out.extend((cell.flags & 0x2f).to_le_bytes());
            out.extend([0; 4]);
            out.extend_from_slice(body.get(20..22).unwrap_or_default());
            out.extend_from_slice(cell.tokens);
            out.extend_from_slice(cell.behind.get(..found.extra).unwrap_or_default());
            return self.to.put(code::FORMULA, &out);
        };
        self.removed(what, job);
        let with = |rest: &[u8]| [cell.head.as_slice(), rest].concat();
        match cell.value {
            [0, .., 0xff, 0xff] => {
                self.awaited = Awaited::Cell(cell.head);
                Ok(())
            }
            [1, _, value, .., 0xff, 0xff] => self.to.put(code::BOOL_ERR, &with(&[value, 0])),
            [2, _, value, .., 0xff, 0xff] => self.to.put(code::BOOL_ERR, &with(&[value, 1])),
            [.., 0xff, 0xff] => self.to.put(code::BLANK, &cell.head),
            number => self.to.put(code::NUMBER, &with(&number)),
        }
    }

    fn range(&mut self, record: &Record<'_>, job: &mut Job<'_>) -> Result<(), Failure> {
        let found =
            range_formula(record).map(|(tokens, behind)| formula::read(tokens, behind, self.context.targets));
        match found {
            Some(found) if found.refused.is_none() && found.elsewhere.is_none() => {
                let (_, behind) = range_formula(record).unwrap_or_default();
                let end = record.body.len() - behind.len() + found.extra;
                let mut out = record.body.get(..end).unwrap_or_default().to_vec();
                if let Some(unused) = out.get_mut(8..12).filter(|_| record.code == code::ARRAY) {
                    unused.fill(0);
                }
                self.to.put(record.code, &out)
            }
            Some(formula::Found { refused: Some(what), .. }) => {
                self.removed(what, job);
                Ok(())
            }
            _ => {
                self.removed(What::UnknownPart, job);
                Ok(())
            }
        }
    }

    fn string(&mut self, group: &Group<'_>) -> Result<(), Failure> {
        let Some(text) = text::of_group(group) else {
            return Err(Failure::Malformed("a text of the workbook is damaged".to_owned()));
        };
        match std::mem::replace(&mut self.awaited, Awaited::Nothing) {
            Awaited::Cell(head) => {
                let number = self.context.strings.add(&text)?;
                self.to.put(code::LABEL_SST, &[head.as_slice(), &number.to_le_bytes()].concat())
            }
            Awaited::Value => text::put_value(&text, self.to),
            Awaited::Nothing => Ok(()),
        }
    }

    /// A rule of conditional formatting: a formula that may not stay is never true.
    fn condition(&mut self, body: &[u8], job: &mut Job<'_>) -> Result<(), Failure> {
        let damaged = || Failure::Malformed("a rule of conditional formatting is damaged".to_owned());
        let size = |at| u16_at(body, at).map(usize::from).ok_or_else(damaged);
        let (first, second) = (size(2)?, size(4)?);
        let split = body.len().checked_sub(first + second).filter(|&at| at >= 6).ok_or_else(damaged)?;
        let (head, formulas) = body.split_at(split);
        let (first, second) = formulas.split_at(first);
        let mut out = head.get(..6).unwrap_or_default().to_vec();
        match formatting(head) {
            Some(formatting) => out.extend_from_slice(formatting),
            None => {
                self.removed(What::UnknownPart, job);
                out.extend([0; 6]);
            }
        }
        for (place, tokens) in [(2, first), (4, second)] {
            let refused = formula::read(tokens, &[], self.context.targets).refused;
            let new = if refused.is_some() { &[0x1d, 0x00] } else { tokens };
            if let Some(what) = refused {
                self.removed(what, job);
            }
            if let Some(size) = out.get_mut(place..place + 2) {
                size.copy_from_slice(&u16::try_from(new.len()).map_err(|_| damaged())?.to_le_bytes());
            }
            out.extend_from_slice(new);
        }
        self.to.put(code::CONDITION, &out)
    }

    /// Rules of validation that can be read and have no formulas that may not stay: where they end.
    fn good_validations(&self, groups: &[Group<'_>]) -> HashMap<usize, usize> {
        let validations = groups.iter().enumerate().filter(|(_, group)| group.head.code == code::VALIDATION);
        let end_of = |body: &[u8]| {
            let mut at = 4;
            for _ in 0..4 {
                let count = usize::from(u16_at(body, at)?);
                (_, at) = text::characters(body, at + 2, count)?;
            }
            for _ in 0..2 {
                let size = usize::from(u16_at(body, at)?);
                let tokens = body.get(at + 4..at + 4 + size)?;
                at += 4 + size;
                if formula::read(tokens, &[], self.context.targets).refused.is_some() {
                    return None;
                }
            }
            // The cells it is for.
            let cells = usize::from(u16_at(body, at)?);
            Some(at + 2 + cells * 8).filter(|end| *end <= body.len())
        };
        validations.filter_map(|(number, group)| Some((number, end_of(group.head.body)?))).collect()
    }

    /// Whether the link stays.
    fn link(&mut self, body: &[u8]) -> Result<bool, Failure> {
        let link = body.get(24..).and_then(Link::parse);
        let links = self.context.targets.links;
        let Some(link) = link.filter(|link| links || link.address.is_none()) else { return Ok(false) };
        let mut out = body.get(..8).unwrap_or_default().to_vec();
        out.extend(link::CLASS);
        out.extend(link.write());
        self.to.put(code::HLINK, &out)?;
        Ok(true)
    }

    /// Where a chart has a title, categories or values from; without that it shows what is stored with it.
    fn chart_reference(&mut self, body: &[u8], job: &mut Job<'_>) -> Result<(), Failure> {
        let tokens = u16_at(body, 6).and_then(|size| body.get(8..8 + usize::from(size)));
        let (Some(head), Some(tokens)) = (body.get(..6), tokens) else {
            return Err(Failure::Malformed("a chart of the workbook is damaged".to_owned()));
        };
        let mut out = head.to_vec();
        if let Some(what) = formula::read(tokens, &[], self.context.targets).refused {
            self.removed(what, job);
            if let Some(from) = out.get_mut(1) {
                *from = 1;
            }
            out.extend([0; 2]);
        } else {
            out.extend_from_slice(body.get(6..8 + tokens.len()).unwrap_or_default());
        }
        self.to.put(code::CHART_REFERENCE, &out)
    }

    /// The fill of a chart's area, in properties as shapes have them.
    fn chart_fill(&mut self, body: &[u8], job: &mut Job<'_>) -> Result<(), Failure> {
        let Some(records) = art::parse(body, 0) else {
            self.removed(What::UnknownPart, job);
            return Ok(());
        };
        let mut out = Vec::new();
        for record in &records {
            match record.content {
                art::Content::Atom(body) if art::kind::PROPERTIES.contains(&record.kind) => {
                    picture::put_properties(record, body, &mut out, job)?;
                }
                _ => self.removed(What::UnknownPart, job),
            }
        }
        self.to.put_long(code::CHART_FILL, code::CHART_FILL, &out, super::record::MAX_BODY)
    }
}

/// For each group, and for the end, the number of its first record.
fn starts(groups: &[Group<'_>]) -> Vec<usize> {
    let mut starts = vec![0];
    let mut next = 0;
    for group in groups {
        next += 1 + group.tail.len();
        starts.push(next);
    }
    starts
}

/// The records of the groups from `first` to `last`.
fn records_between<'r, 'a>(
    records: &'r [Record<'a>],
    starts: &[usize],
    first: usize,
    last: usize,
) -> &'r [Record<'a>] {
    let range = starts.get(first).zip(starts.get(last + 1));
    range.and_then(|(start, end)| records.get(*start..*end)).unwrap_or_default()
}
