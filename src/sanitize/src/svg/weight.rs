//! How much is drawn once every reference is followed? A drawing that multiplies itself stops its readers.
//!
//! ```text
//! use, pattern             ──href────▶ content   drawn once more
//! mask, clip-path, filter  ──url(#)──▶ content   once for each element that has it
//! fill, stroke             ──url(#)──▶ content   once for each element that has or inherits it
//! marker, marker-mid, …    ──url(#)──▶ marker    once for each point of each such element
//! ```
//!
//! Style sheets count by the last class, identifier or name of their selectors, which is never too little. Gradients draw
//! nothing of their own.

use std::collections::HashMap;

use crate::failure::Failure;

/// Elements drawn in all.
const MAX_DRAWN: u64 = 1_000_000;

/// References of a style sheet for one class, identifier or name.
const MAX_OF_SHEET: usize = 100;

/// What a reference counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The element that has it: `mask`, `clip-path`, `filter`.
    Itself,
    /// That and what is in it.
    Element,
    /// Their points.
    Point,
}

/// How often each of these is there.
#[derive(Default, Clone, Copy)]
struct Times {
    selves: u64,
    elements: u64,
    points: u64,
}

impl Times {
    fn of(self, by: By) -> u64 {
        match by {
            By::Itself => self.selves,
            By::Element => self.elements,
            By::Point => self.points,
        }
    }
}

/// What is drawn by an element with an identifier.
#[derive(Default)]
struct Drawn {
    elements: u64,
    /// Elements with identifiers inside it.
    inner: Vec<usize>,
    /// Identifiers that it refers to, and how often.
    uses: Vec<(String, u64)>,
    /// Classes, identifiers and names that a style sheet may mean.
    keys: HashMap<String, Times>,
    /// It only colours what refers to it.
    is_gradient: bool,
}

/// An element that is not closed yet.
struct Open {
    /// The entry of [`Weights::drawn`] it counts for.
    own: usize,
    /// Identifiers that its styles refer to.
    styles: Vec<(String, By)>,
    keys: Vec<String>,
    before: Times,
}

pub(super) struct Weights {
    /// The drawing itself, then every element with an identifier.
    drawn: Vec<Drawn>,
    by_id: HashMap<String, usize>,
    open: Vec<Open>,
    /// By class, identifier or name: the identifiers that its styles refer to.
    sheet: HashMap<String, Vec<(String, By)>>,
    so_far: Times,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            drawn: vec![Drawn::default()],
            by_id: HashMap::new(),
            open: Vec::new(),
            sheet: HashMap::new(),
            so_far: Times::default(),
        }
    }
}

impl Weights {
    /// Counts an element for the nearest one with an identifier around it, or for itself.
    pub(super) fn start(&mut self, name: &str, attributes: &[(String, String)]) {
        let value = |wanted: &str| attributes.iter().find(|(key, _)| key == wanted).map(|(_, value)| value);
        let outer = self.open.last().map_or(0, |open| open.own);
        let own = match value("id") {
            None => outer,
            Some(id) => {
                let next = self.drawn.len();
                let own = *self.by_id.entry(id.clone()).or_insert(next);
                if own == next {
                    self.drawn.push(Drawn { is_gradient: name.ends_with("Gradient"), ..Drawn::default() });
                }
                if own != outer
                    && let Some(drawn) = self.drawn.get_mut(outer)
                {
                    drawn.inner.push(own);
                }
                own
            }
        };
        if let Some(drawn) = self.drawn.get_mut(own) {
            drawn.elements = drawn.elements.saturating_add(1);
            if matches!(name, "use" | "pattern") {
                let id = value("xlink:href").and_then(|href| href.strip_prefix('#'));
                drawn.uses.extend(id.map(|id| (id.to_owned(), 1)));
            }
        }
        let mut styles = Vec::new();
        for (key, value) in attributes {
            match key.as_str() {
                "style" => value.split(';').for_each(|declaration| references(declaration, &mut styles)),
                key => references(&format!("{key}:{value}"), &mut styles),
            }
        }
        let classes = value("class").map(String::as_str).unwrap_or_default().split_ascii_whitespace();
        let keys = classes.map(|class| format!(".{class}"));
        let keys =
            keys.chain(value("id").map(|id| format!("#{id}"))).chain([name.to_owned(), "*".to_owned()]);
        self.open.push(Open { own, styles, keys: keys.collect(), before: self.so_far });
        let points = value("d").or_else(|| value("points")).map_or(0, |text| points(text));
        self.so_far.elements = self.so_far.elements.saturating_add(1);
        // A line without points of its own has two.
        self.so_far.points = self.so_far.points.saturating_add(points.max(2));
    }

    /// Styles are inherited: they count for the element and all that is in it.
    pub(super) fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let Some(drawn) = self.drawn.get_mut(open.own) else { return };
        let times = Times {
            selves: 1,
            elements: self.so_far.elements.saturating_sub(open.before.elements),
            points: self.so_far.points.saturating_sub(open.before.points),
        };
        for (id, by) in open.styles {
            drawn.uses.push((id, times.of(by)));
        }
        for key in open.keys {
            let known = drawn.keys.entry(key).or_default();
            known.selves = known.selves.saturating_add(times.selves);
            known.elements = known.elements.saturating_add(times.elements);
            known.points = known.points.saturating_add(times.points);
        }
    }

    /// Notes what a style sheet of our own refers to: lines of `selector { declarations }`.
    pub(super) fn sheet(&mut self, text: &str) {
        for (selectors, declarations) in text.lines().filter_map(|line| line.split_once('{')) {
            let mut found = Vec::new();
            let declarations = declarations.trim_end().trim_end_matches('}');
            declarations.split(';').for_each(|declaration| references(declaration, &mut found));
            if found.is_empty() {
                continue;
            }
            for selector in selectors.split(',') {
                let known = self.sheet.entry(key(selector)).or_default();
                for reference in &found {
                    if known.len() <= MAX_OF_SHEET && !known.contains(reference) {
                        known.push(reference.clone());
                    }
                }
            }
        }
    }

    /// No reference leads back to itself, and all of them together draw a sane number of elements.
    pub(super) fn check(&self, max_nesting: u32) -> Result<(), Failure> {
        if self.sheet.values().any(|references| references.len() > MAX_OF_SHEET) {
            return malformed("the drawing has a style sheet with too many references");
        }
        let mut known = vec![None; self.drawn.len()];
        match self.weight(0, &mut known, max_nesting)? {
            weight if weight <= MAX_DRAWN => Ok(()),
            _ => malformed("the drawing multiplies itself"),
        }
    }

    fn weight(&self, at: usize, known: &mut [Option<u64>], left: u32) -> Result<u64, Failure> {
        if let Some(Some(weight)) = known.get(at) {
            return Ok(*weight);
        }
        let Some(left) = left.checked_sub(1) else {
            return malformed("the drawing uses itself, or uses are nested too deep");
        };
        let Some(drawn) = self.drawn.get(at) else { return Ok(0) };
        let mut weight = drawn.elements;
        for &inner in &drawn.inner {
            weight = weight.saturating_add(self.weight(inner, known, left)?);
        }
        let by_sheet = drawn.keys.iter().flat_map(|(key, times)| {
            let references = self.sheet.get(key).into_iter().flatten();
            references.map(|(id, by)| (id, times.of(*by)))
        });
        for (id, times) in drawn.uses.iter().map(|(id, times)| (id, *times)).chain(by_sheet) {
            let Some(&used) = self.by_id.get(id) else { continue };
            if !self.drawn.get(used).is_some_and(|used| used.is_gradient) {
                weight = weight.saturating_add(times.saturating_mul(self.weight(used, known, left)?));
            }
        }
        if let Some(place) = known.get_mut(at) {
            *place = Some(weight);
        }
        Ok(weight)
    }
}

/// Adds the identifiers in the `url(#…)` of a declaration.
fn references(declaration: &str, found: &mut Vec<(String, By)>) {
    let Some((name, value)) = declaration.split_once(':') else { return };
    let by = match name.trim() {
        "mask" | "clip-path" | "filter" => By::Itself,
        name if name.starts_with("marker") => By::Point,
        _ => By::Element,
    };
    for piece in value.to_ascii_lowercase().match_indices("url(").filter_map(|(at, _)| value.get(at + 4..)) {
        let inner = piece.split(')').next().unwrap_or_default().trim().trim_matches(['"', '\'']).trim();
        found.extend(inner.strip_prefix('#').map(|id| (id.to_owned(), by)));
    }
}

/// The class, identifier or name by which a selector's last part goes.
fn key(selector: &str) -> String {
    let last = selector.trim().rsplit([' ', '>', '+', '~']).next().unwrap_or_default();
    let last = last.split(':').next().unwrap_or_default();
    let special = last.find(['.', '#']).and_then(|at| last.split_at_checked(at));
    let Some((_, special)) = special else {
        return if last.is_empty() { "*".to_owned() } else { last.to_owned() };
    };
    let end = special.char_indices().skip(1).find(|(_, c)| matches!(c, '.' | '#')).map(|(at, _)| at);
    special.get(..end.unwrap_or(special.len())).unwrap_or_default().to_owned()
}

/// Numbers in a list of points or a path: at least as many as it has points.
fn points(text: &str) -> u64 {
    let is_digit = |b: u8| b.is_ascii_digit();
    let starts = text.bytes().zip(std::iter::once(b' ').chain(text.bytes()));
    let starts = starts.filter(|&(b, before)| is_digit(b) && !is_digit(before)).count();
    u64::try_from(starts).unwrap_or(u64::MAX)
}

fn malformed<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(problem.to_owned()))
}
