//! What does a formula reach? Its tokens (MS-XLS 2.5.198) are read one by one; a token that is not known ends it.

use super::function;
use super::record::{u16_at, u32_at};
use crate::report::What;

/// What the tokens of a workbook's formulas refer to.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// For each entry of EXTERNSHEET why it may not be used.
    pub(super) sheets: Vec<Sheets>,
    /// For each SupBook, for each of its add-in functions whether it may be called.
    pub(super) add_ins: Vec<Vec<bool>>,
    /// For each defined name why it may not be used.
    pub(super) names: Vec<Option<What>>,
    /// Whether links to the web may stay.
    pub(super) links: bool,
}

/// An entry of EXTERNSHEET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sheets {
    /// Sheets of this workbook.
    Own,
    /// Add-in functions: those of the SupBook with this number.
    AddIn(usize),
    /// Something that is not kept.
    Gone(What),
}

/// What a formula was found to be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The first reason why it may not stay.
    pub(super) refused: Option<What>,
    /// Numbers (from 1) of the defined names it uses.
    pub(super) names: Vec<u32>,
    /// It only points to the cell that has an array or shared formula: row and column.
    pub(super) elsewhere: Option<(u16, u16)>,
    /// Bytes of its constants, behind its tokens.
    pub(super) extra: usize,
}

/// Reads a formula: its tokens, and what lies behind them (array constants).
pub(super) fn read(tokens: &[u8], behind: &[u8], targets: &Targets) -> Found {
    let mut reader =
        Reader { tokens, at: 0, behind, extra: 0, targets, found: Found::default(), operands: Vec::new() };
    if reader.run().is_none() {
        reader.refuse(What::UnknownPart);
    }
    reader.found.extra = reader.extra;
    reader.found
}

/// What stands on the stack that the tokens work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operand {
    /// A web or mail address as text.
    Web,
    /// An add-in function by name.
    AddIn,
    Other,
}

struct Reader<'a> {
    tokens: &'a [u8],
    at: usize,
    behind: &'a [u8],
    extra: usize,
    targets: &'a Targets,
    found: Found,
    operands: Vec<Operand>,
}

impl Reader<'_> {
    fn refuse(&mut self, what: What) {
        self.found.refused.get_or_insert(what);
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count).filter(|&at| at <= self.tokens.len())?;
        Some(())
    }

    fn short(&mut self) -> Option<u16> {
        let value = u16_at(self.tokens, self.at)?;
        self.skip(2)?;
        Some(value)
    }

    fn byte(&mut self) -> Option<u8> {
        let value = *self.tokens.get(self.at)?;
        self.skip(1)?;
        Some(value)
    }

    fn run(&mut self) -> Option<()> {
        while self.at < self.tokens.len() {
            let token = self.byte()?;
            match token {
                // Class of the value: reference, value, array.
                0x20..=0x7f => self.classed(token & 0x1f)?,
                0x01 => {
                    let (row, column) = (self.short()?, self.short()?);
                    // It stands alone.
                    (self.tokens.len() == 5).then_some(())?;
                    self.push(Operand::Other);
                    self.found.elsewhere = Some((row, column));
                }
                0x02 => {
                    self.skip(4)?;
                    self.push(Operand::Other);
                }
                // Operators of two and of one operand, brackets, an argument left out.
                0x03..=0x11 => self.work(2)?,
                0x12..=0x14 => self.work(1)?,
                0x15 => {}
                0x16 => self.push(Operand::Other),
                0x17 => {
                    let operand = self.text()?;
                    self.push(operand);
                }
                0x19 => {
                    let flags = self.byte()?;
                    let count = usize::from(self.short()?);
                    if flags & 0x04 != 0 {
                        self.skip((count + 1) * 2)?;
                    }
                    // A sum of one.
                    if flags & 0x10 != 0 {
                        self.work(1)?;
                    }
                }
                0x1c..=0x1f => {
                    let sizes = [1, 1, 2, 8];
                    self.skip(*sizes.get(usize::from(token - 0x1c))?)?;
                    self.push(Operand::Other);
                }
                // Natural language formulas (0x18) among them: nothing that a table of today knows.
                _ => return None,
            }
        }
        // Add-in functions are named to be called and for nothing else.
        if self.operands.contains(&Operand::AddIn) {
            self.refuse(What::Extension);
        }
        Some(())
    }

    fn push(&mut self, operand: Operand) {
        self.operands.push(operand);
    }

    /// Takes so many operands from the stack and puts their result there.
    fn work(&mut self, count: usize) -> Option<()> {
        let left = self.operands.len().checked_sub(count)?;
        if self.operands.drain(left..).any(|operand| operand == Operand::AddIn) {
            self.refuse(What::Extension);
        }
        self.push(Operand::Other);
        Some(())
    }

    /// A string.
    fn text(&mut self) -> Option<Operand> {
        let count = usize::from(self.byte()?);
        let (text, end) = super::text::characters(self.tokens, self.at, count)?;
        self.at = end;
        Some(if crate::markup::link::is_web(&text) { Operand::Web } else { Operand::Other })
    }

    fn classed(&mut self, token: u8) -> Option<()> {
        match token {
            0x00 => {
                self.skip(7)?;
                self.array()?;
                self.push(Operand::Other);
            }
            0x01 => {
                let number = self.short()?;
                self.call(number, None)?;
            }
            0x02 => {
                let arguments = self.byte()?;
                let number = self.short()?;
                // The highest bit is of the dialog that asks for arguments.
                self.call(number, Some(arguments & 0x7f))?;
            }
            0x03 => {
                let number = u32_at(self.tokens, self.at)?;
                self.skip(4)?;
                self.name(number)?;
                self.push(Operand::Other);
            }
            0x04 | 0x0a | 0x0c => {
                self.skip(4)?;
                self.push(Operand::Other);
            }
            0x05 | 0x0b | 0x0d => {
                self.skip(8)?;
                self.push(Operand::Other);
            }
            // What stands in memory of the operands that follow.
            0x06 => {
                self.skip(6)?;
                let count = usize::from(u16_at(self.behind, self.extra)?);
                self.behind(2 + count * 8)?;
            }
            0x07 | 0x08 => self.skip(6)?,
            0x09 => self.skip(2)?,
            0x19 => {
                let sheets = usize::from(self.short()?);
                let number = u32_at(self.tokens, self.at)?;
                self.skip(4)?;
                let mut operand = Operand::Other;
                match self.targets.sheets.get(sheets)? {
                    Sheets::Own => self.name(number)?,
                    Sheets::AddIn(book) => {
                        let allowed = self.targets.add_ins.get(*book)?;
                        let at = usize::try_from(number).ok()?.checked_sub(1)?;
                        operand = Operand::AddIn;
                        if allowed.get(at) != Some(&true) {
                            self.refuse(What::Extension);
                        }
                    }
                    Sheets::Gone(what) => self.refuse(*what),
                }
                self.push(operand);
            }
            0x1a | 0x1c => self.elsewhere(4)?,
            0x1b | 0x1d => self.elsewhere(8)?,
            _ => return None,
        }
        Some(())
    }

    fn elsewhere(&mut self, size: usize) -> Option<()> {
        let sheets = usize::from(self.short()?);
        self.skip(size)?;
        match self.targets.sheets.get(sheets)? {
            Sheets::Own => {}
            Sheets::AddIn(_) => return None,
            Sheets::Gone(what) => self.refuse(*what),
        }
        self.push(Operand::Other);
        Some(())
    }

    fn name(&mut self, number: u32) -> Option<()> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        if let Some(what) = self.targets.names.get(at)? {
            self.refuse(*what);
        }
        self.found.names.push(number);
        Some(())
    }

    /// A call with this number of arguments, or with as many as the function has.
    fn call(&mut self, number: u16, arguments: Option<u8>) -> Option<()> {
        let count = arguments.or_else(|| function::arguments(number)).map(usize::from);
        let start = count.and_then(|count| self.operands.len().checked_sub(count));
        let first = start.and_then(|start| self.operands.get_mut(start));
        match number {
            // Its first argument names the function. Whatever else that is, it is nothing that may be called.
            function::USER_DEFINED => match first.filter(|_| count > Some(0)) {
                Some(first) if *first == Operand::AddIn => *first = Operand::Other,
                _ => self.refuse(What::Macro),
            },
            function::HYPERLINK => {
                let literal = first.is_some_and(|first| *first == Operand::Web);
                let whole = start == Some(0) && self.at == self.tokens.len();
                if !literal || !whole || !matches!(count, Some(1 | 2)) || !self.targets.links {
                    self.refuse(What::Link);
                }
            }
            379 => self.refuse(What::ExternalReference),
            380..=386 => self.refuse(What::DataConnection),
            number if function::is_allowed(number) => {}
            _ => self.refuse(What::MacroSheet),
        }
        // Of a function that is refused the number of arguments need not be known.
        match count {
            Some(count) => self.work(count),
            None => self.found.refused.map(|_| self.push(Operand::Other)),
        }
    }

    fn behind(&mut self, count: usize) -> Option<()> {
        self.extra = self.extra.checked_add(count).filter(|&at| at <= self.behind.len())?;
        Some(())
    }

    /// An array constant: width, height, values.
    fn array(&mut self) -> Option<()> {
        let columns = usize::from(*self.behind.get(self.extra)?) + 1;
        let rows = usize::from(u16_at(self.behind, self.extra + 1)?) + 1;
        self.behind(3)?;
        for _ in 0..columns * rows {
            let kind = *self.behind.get(self.extra)?;
            self.behind(1)?;
            match kind {
                0 | 1 | 4 | 16 => self.behind(8)?,
                2 => {
                    let count = usize::from(u16_at(self.behind, self.extra)?);
                    let (_, end) = super::text::characters(self.behind, self.extra + 2, count)?;
                    self.extra = end;
                }
                _ => return None,
            }
        }
        Some(())
    }
}
