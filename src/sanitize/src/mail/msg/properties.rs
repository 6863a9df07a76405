//! The properties of a message, a recipient or an attachment (MS-OXMSG 2.4, MS-OXPROPS).

use encoding_rs::Encoding;

use crate::compound::Storage;
use crate::failure::Failure;

/// The stream of the properties that have a fixed size.
pub(super) const PROPERTIES: &str = "__properties_version1.0";

const STRING: u16 = 0x001f;
const STRING8: u16 = 0x001e;
const BINARY: u16 = 0x0102;

/// Whose properties they are: that decides how long the header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Message,
    Part,
}

pub(super) struct Properties<'a> {
    storage: &'a Storage<'a>,
    /// Entries of 16 bytes: type, identifier, flags, value.
    entries: &'a [u8],
    charset: Option<&'static Encoding>,
}

impl<'a> Properties<'a> {
    pub(super) fn of(storage: &'a Storage<'a>, scope: Scope) -> Result<Self, Failure> {
        let header = if scope == Scope::Message { 32 } else { 8 };
        // A property whose value is lost is not a property without one.
        storage.check_is_whole()?;
        let stream = storage.stream(PROPERTIES)?.unwrap_or_default();
        let entries = stream.get(header.min(stream.len())..).unwrap_or_default();
        let mut properties = Self { storage, entries, charset: None };
        if scope == Scope::Message && stream.is_empty() {
            return Err(Failure::Malformed("the message has no properties".to_owned()));
        }
        // PidTagMessageCodepage, PidTagInternetCodepage.
        properties.charset = [0x3ffd, 0x3fde].iter().find_map(|&id| codepage(properties.number(id)?));
        Ok(properties)
    }

    /// With the message's character set for its 8-bit texts.
    pub(super) fn in_codepage_of(mut self, message: &Properties<'_>) -> Self {
        self.charset = self.charset.or(message.charset);
        self
    }

    /// How many there are, of both kinds.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.entries.len() / 16).unwrap_or(u32::MAX)
    }

    fn fixed(&self, id: u16) -> Option<u64> {
        let (entries, _) = self.entries.as_chunks::<16>();
        let entry = entries.iter().find(|entry| entry.get(2..4) == Some(&id.to_le_bytes()))?;
        Some(u64::from_le_bytes(entry.get(8..16)?.try_into().ok()?))
    }

    /// A PtypInteger32.
    pub(super) fn number(&self, id: u16) -> Option<u32> {
        u32::try_from(self.fixed(id)? & 0xffff_ffff).ok()
    }

    /// A PtypTime.
    pub(super) fn time(&self, id: u16) -> Option<u64> {
        self.fixed(id).filter(|&time| time > 0)
    }

    fn stream(&self, id: u16, kind: u16) -> Option<&'a [u8]> {
        self.storage.stream(&format!("__substg1.0_{id:04X}{kind:04X}")).ok()?
    }

    pub(super) fn binary(&self, id: u16) -> Option<&'a [u8]> {
        self.stream(id, BINARY)
    }

    /// A text, whichever way it is stored; up to the first NUL.
    pub(super) fn text(&self, id: u16) -> Option<String> {
        let text = match (self.stream(id, STRING), self.stream(id, STRING8)) {
            (Some(wide), _) => {
                let units = wide.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
                char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect()
            }
            (None, Some(bytes)) => match self.charset {
                Some(charset) => charset.decode_without_bom_handling(bytes).0.into_owned(),
                None => super::eml::characters(bytes, None),
            },
            (None, None) => return None,
        };
        Some(text.split('\0').next().unwrap_or_default().to_owned())
    }
}

/// The character set of a Windows code page.
pub(super) fn codepage(number: u32) -> Option<&'static Encoding> {
    let label = match number {
        874 | 1250..=1258 => format!("windows-{number}"),
        932 => "shift_jis".to_owned(),
        936 | 20936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        10000 => "macintosh".to_owned(),
        20127 => "us-ascii".to_owned(),
        20866 => "koi8-r".to_owned(),
        21866 => "koi8-u".to_owned(),
        28591..=28606 => format!("iso-8859-{}", number - 28590),
        50220..=50222 => "iso-2022-jp".to_owned(),
        51932 => "euc-jp".to_owned(),
        51949 => "euc-kr".to_owned(),
        54936 => "gb18030".to_owned(),
        65001 => "utf-8".to_owned(),
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}
