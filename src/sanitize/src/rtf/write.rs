//! RTF in one normal form: printable ASCII and line feeds, no `\bin`, no `\uc`.
//!
//! A control word is followed by a space only where text would go on with it; bytes above ASCII are `\'hh`, UTF-16 units `\uN?`. A line
//! ends behind a paragraph, a row and a top-level group, where readers ignore it.

/// Words behind which a line ends.
const ENDS_LINE: &[&str] = &["par", "row", "nestrow", "sect", "page"];

/// Hexadecimal digits on one line.
const HEX_LINE: usize = 128;

/// A file in the making.
#[derive(Debug, Default)]
pub(super) struct Writer {
    out: Vec<u8>,
    depth: usize,
    /// The last thing written is a control word, so that text may need a space.
    after_word: bool,
}

/// A place to come back to with [`Writer::truncate`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    length: usize,
    depth: usize,
    after_word: bool,
}

impl Writer {
    pub(super) fn open(&mut self) {
        self.out.push(b'{');
        self.depth += 1;
        self.after_word = false;
    }

    pub(super) fn close(&mut self) {
        self.out.push(b'}');
        self.depth = self.depth.saturating_sub(1);
        self.after_word = false;
        if self.depth == 1 {
            self.out.push(b'\n');
        }
    }

    /// A control word; with `starred`, readers that do not know it skip its group.
    pub(super) fn word(&mut self, name: &str, parameter: Option<i32>, starred: bool) {
        if starred {
            self.out.extend(b"\\*");
        }
        self.out.push(b'\\');
        self.out.extend(name.as_bytes());
        if let Some(parameter) = parameter {
            self.out.extend(parameter.to_string().as_bytes());
        }
        self.after_word = true;
        if ENDS_LINE.contains(&name) {
            self.line();
        }
    }

    pub(super) fn symbol(&mut self, symbol: u8) {
        self.out.extend([b'\\', symbol]);
        self.after_word = false;
    }

    pub(super) fn hex(&mut self, byte: u8) {
        self.out.extend(b"\\'");
        self.out.extend(hex::encode([byte]).as_bytes());
        self.after_word = false;
    }

    /// A printable ASCII character or a byte above ASCII; nothing else.
    pub(super) fn byte(&mut self, byte: u8) {
        match byte {
            b'\\' | b'{' | b'}' => self.symbol(byte),
            b' '..=b'~' => {
                if self.after_word && (byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-')) {
                    self.out.push(b' ');
                }
                self.after_word = false;
                self.out.push(byte);
            }
            _ => self.hex(byte),
        }
    }

    /// One unit of UTF-16, with `?` for readers that do not know Unicode.
    pub(super) fn unit(&mut self, unit: u16) {
        self.word("u", Some(i32::from(unit.cast_signed())), false);
        self.out.push(b'?');
        self.after_word = false;
    }

    /// Text without control characters.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()) {
            match u8::try_from(c) {
                Ok(byte) if byte.is_ascii() => self.byte(byte),
                _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|&unit| self.unit(unit)),
            }
        }
    }

    /// Data as lines of hexadecimal digits.
    pub(super) fn data(&mut self, data: &[u8]) {
        for part in data.chunks(HEX_LINE / 2) {
            self.line();
            self.out.extend(hex::encode(part).as_bytes());
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { length: self.out.len(), depth: self.depth, after_word: self.after_word }
    }

    /// Forgets what was written since the mark.
    pub(super) fn truncate(&mut self, mark: Mark) {
        self.out.truncate(mark.length);
        self.depth = mark.depth;
        self.after_word = mark.after_word;
    }

    /// Forgets what was written since the mark, and gives it.
    pub(super) fn take(&mut self, mark: Mark) -> Vec<u8> {
        let taken = self.out.split_off(mark.length.min(self.out.len()));
        self.truncate(mark);
        taken
    }

    /// Writes whole groups that were taken.
    pub(super) fn groups(&mut self, groups: &[u8]) {
        self.out.extend(groups);
        self.after_word = false;
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn line(&mut self) {
        self.out.push(b'\n');
        self.after_word = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_form() {
        let mut writer = Writer::default();
        writer.open();
        writer.word("b", Some(0), false);
        writer.text("a {é");
        writer.word("par", None, false);
        writer.byte(0xe9);
        writer.open();
        writer.word("x", None, true);
        writer.data(&[1, 0xff]);
        writer.close();
        writer.close();
        assert_eq!(
            String::from_utf8(writer.finish()).unwrap(),
            "{\\b0 a \\{\\u233?\\par\n\\'e9{\\*\\x\n01ff}\n}"
        );
    }
}
