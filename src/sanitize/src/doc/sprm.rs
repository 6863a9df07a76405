//! Formatting: lists of single property modifiers (MS-DOC 2.2.5, 2.6).
//!
//! ```text
//! code 16 bit │ operand: 1, 2, 3 or 4 bytes by the code's highest 3 bits, or a length and so many bytes
//! ```
//!
//! Only listed codes stay. Those that name a place in the Data stream are for their user to judge; see [`Prl`].

/// One modifier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prl<'a> {
    pub(super) code: u16,
    pub(super) operand: &'a [u8],
    /// Code and operand.
    pub(super) whole: &'a [u8],
}

/// Place of a picture, object or data in the Data stream.
pub(super) const PICTURE_LOCATION: u16 = 0x6a03;
/// The character stands for something.
pub(super) const SPECIAL: u16 = 0x0855;
/// What it stands for is data of a field.
pub(super) const DATA: u16 = 0x0806;
/// What it stands for is an OLE object: of any version, or of Word 2.
pub(super) const OLE_2: u16 = 0x080a;
pub(super) const OBJECT: u16 = 0x0856;
/// Hidden.
pub(super) const HIDDEN: u16 = 0x083c;
/// Tracked changes.
pub(super) const DELETED: u16 = 0x0800;
pub(super) const INSERTED: u16 = 0x0801;
/// Places of further modifiers in the Data stream.
pub(super) const HUGE_PARAGRAPH: u16 = 0x6646;
pub(super) const HUGE_PARAGRAPH_OLD: u16 = 0x6645;
pub(super) const TABLE_PROPERTIES: u16 = 0x646b;

impl Prl<'_> {
    /// A 32-bit operand.
    pub(super) fn long(&self) -> u32 {
        self.operand.as_array::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// Listed, of the length that its code has, and without a file in it.
    fn is_known(&self) -> bool {
        let length = LENGTHS.iter().find(|(codes, _)| codes.contains(&self.code)).map(|(_, length)| *length);
        LISTED.binary_search(&self.code).is_ok()
            && length.is_none_or(|length| self.operand.len() == 1 + length)
            && !crate::office_art::hides_file(self.operand)
    }

    /// A switch that is on, or that turns what the style says.
    pub(super) fn is_on(&self) -> bool {
        self.operand.first().is_some_and(|&value| value != 0)
    }
}

/// The modifiers of a list, up to the first that is not whole.
pub(super) fn prls(mut list: &[u8]) -> impl Iterator<Item = Prl<'_>> {
    std::iter::from_fn(move || {
        let code = u16::from_le_bytes(*list.first_chunk::<2>()?);
        let operand = list.get(2..)?;
        let length = operand_length(code, operand)?;
        let whole = list.get(..2 + length)?;
        list = list.get(2 + length..)?;
        Some(Prl { code, operand: whole.get(2..)?, whole })
    })
}

fn operand_length(code: u16, operand: &[u8]) -> Option<usize> {
    const TABLE_DEFINITION: u16 = 0xd608;
    const TABS: u16 = 0xc615;
    Some(match code >> 13 {
        0 | 1 => 1,
        2 | 4 | 5 => 2,
        3 => 4,
        7 => 3,
        _ => match (code, *operand.first()?) {
            (TABLE_DEFINITION, _) => 1 + usize::from(u16::from_le_bytes(*operand.first_chunk::<2>()?)).max(1),
            (TABS, 255) => {
                let deleted = 1 + 4 * usize::from(*operand.get(1)?);
                1 + deleted + 1 + 3 * usize::from(*operand.get(1 + deleted)?)
            }
            (_, length) => 1 + usize::from(length),
        },
    })
}

/// What becomes of a modifier.
pub(super) enum Fate {
    /// It stays if it is listed and names no place in the Data stream.
    ByList,
    Drop,
    /// It stays with this operand.
    Place(u32),
}

/// The modifiers that may stay.
pub(super) fn clean(list: &[u8], mut fate: impl FnMut(&Prl<'_>) -> Fate) -> Vec<u8> {
    let mut out = Vec::with_capacity(list.len());
    for prl in prls(list) {
        match fate(&prl) {
            Fate::ByList if prl.is_known() => out.extend(prl.whole),
            Fate::ByList | Fate::Drop => {}
            Fate::Place(place) => {
                out.extend(prl.code.to_le_bytes());
                out.extend(place.to_le_bytes());
            }
        }
    }
    out
}

/// The modifiers that may stay in styles, sections, lists, and whatever else is no single run of text. Tracked changes there
/// would make another instruction of a field than the one that was decided on.
pub(super) fn clean_shared(list: &[u8]) -> Vec<u8> {
    clean(list, |prl| match prl.code {
        SPECIAL | DELETED | INSERTED => Fate::Drop,
        _ => Fate::ByList,
    })
}

/// Lengths of operands that say their length (MS-DOC 2.6), where there is but one.
const LENGTHS: &[(&[u16], usize)] = &[
    // Borders; shading.
    (&[0xc64e, 0xc64f, 0xc650, 0xc651, 0xc652, 0xc653, 0xca72, 0xd234, 0xd235, 0xd236, 0xd237], 8),
    (&[0xc64d, 0xca71, 0xd660], 10),
    // Tracked formatting, with author and date; fitted and combined text.
    (&[0xc63f, 0xc66f, 0xca57, 0xca89, 0xd243], 7),
    (&[0xca78], 8),
    (&[0xca76], 6),
    // Fields and numbers under tracked changes, old numbering.
    (&[0xca62], 39),
    (&[0xc645], 128),
    (&[0xc63e], 84),
    // Insets of cells, spacing.
    (&[0xd632, 0xd633, 0xd634, 0xd63e], 6),
];

/// Codes of known properties that name nothing outside themselves, in order. Left out besides those above: comparisons
/// that contain lists of modifiers (`sprmCMajority`).
pub(super) const LISTED: &[u16] = &[
    0x0800, 0x0801, 0x0802, 0x0811, 0x0818, 0x0835, 0x0836, 0x0837, 0x0838, 0x0839, 0x083a, 0x083b, 0x083c,
    0x0854, 0x0855, 0x0858, 0x085a, 0x085c, 0x085d, 0x0868, 0x0875, 0x0882, 0x2403, 0x2405, 0x2406, 0x2407,
    0x2409, 0x240c, 0x2416, 0x2417, 0x2423, 0x242a, 0x2430, 0x2431, 0x2433, 0x2434, 0x2435, 0x2436, 0x2437,
    0x2438, 0x2441, 0x2443, 0x2447, 0x2448, 0x244b, 0x244c, 0x245a, 0x245b, 0x245c, 0x2461, 0x2462, 0x246d,
    0x2470, 0x2471, 0x2602, 0x260a, 0x261b, 0x2640, 0x2664, 0x2859, 0x286f, 0x2879, 0x2a0c, 0x2a33, 0x2a34,
    0x2a3e, 0x2a42, 0x2a48, 0x2a53, 0x2a83, 0x2a86, 0x2a90, 0x2e00, 0x3000, 0x3001, 0x3005, 0x3006, 0x3009,
    0x300a, 0x300e, 0x3011, 0x3012, 0x3013, 0x3019, 0x301a, 0x301d, 0x303b, 0x303c, 0x303e, 0x3228, 0x322a,
    0x3239, 0x3403, 0x3404, 0x3465, 0x3466, 0x347c, 0x347d, 0x3488, 0x3489, 0x360d, 0x3615, 0x3619, 0x3668,
    0x442b, 0x442c, 0x442d, 0x4439, 0x443a, 0x4455, 0x4456, 0x4457, 0x4458, 0x4459, 0x4600, 0x460b, 0x4610,
    0x465f, 0x4804, 0x4807, 0x4845, 0x484b, 0x484e, 0x4852, 0x485f, 0x4863, 0x4866, 0x4867, 0x486d, 0x486e,
    0x4873, 0x4874, 0x4888, 0x4a30, 0x4a43, 0x4a4f, 0x4a50, 0x4a51, 0x4a5e, 0x4a60, 0x4a61, 0x5007, 0x5008,
    0x500b, 0x5015, 0x501b, 0x501c, 0x5026, 0x5032, 0x5033, 0x503f, 0x5040, 0x5041, 0x5042, 0x522f, 0x5400,
    0x548a, 0x560b, 0x5622, 0x5624, 0x5625, 0x563a, 0x5664, 0x6412, 0x6424, 0x6425, 0x6426, 0x6427, 0x6428,
    0x6467, 0x6629, 0x6649, 0x664a, 0x6805, 0x6815, 0x6816, 0x6817, 0x6864, 0x6865, 0x6870, 0x6877, 0x6887,
    0x6a09, 0x6c02, 0x6c03, 0x6c04, 0x6c05, 0x702b, 0x702c, 0x702d, 0x702e, 0x7030, 0x703a, 0x7044, 0x740a,
    0x7479, 0x7621, 0x7623, 0x7627, 0x7629, 0x840e, 0x840f, 0x8411, 0x8418, 0x8419, 0x841a, 0x842e, 0x842f,
    0x845d, 0x845e, 0x8460, 0x8840, 0x900c, 0x9016, 0x9023, 0x9024, 0x9031, 0x9407, 0x940e, 0x940f, 0x9410,
    0x9411, 0x941e, 0x941f, 0x9601, 0x9602, 0xa413, 0xa414, 0xb017, 0xb018, 0xb01f, 0xb020, 0xb021, 0xb022,
    0xb025, 0xc601, 0xc60d, 0xc615, 0xc63e, 0xc63f, 0xc645, 0xc64d, 0xc64e, 0xc64f, 0xc650, 0xc651, 0xc652,
    0xc653, 0xc666, 0xc669, 0xc66c, 0xc66f, 0xc81a, 0xca31, 0xca57, 0xca62, 0xca71, 0xca72, 0xca76, 0xca78,
    0xca85, 0xca89, 0xce08, 0xce09, 0xce0a, 0xce0b, 0xd202, 0xd234, 0xd235, 0xd236, 0xd237, 0xd243, 0xd47f,
    0xd605, 0xd608, 0xd609, 0xd60c, 0xd612, 0xd613, 0xd616, 0xd61a, 0xd61b, 0xd61c, 0xd61d, 0xd620, 0xd62b,
    0xd62c, 0xd62d, 0xd62e, 0xd62f, 0xd632, 0xd633, 0xd634, 0xd635, 0xd639, 0xd63e, 0xd642, 0xd660, 0xd662,
    0xd667, 0xd66a, 0xd670, 0xd671, 0xd672, 0xd680, 0xd681, 0xd682, 0xd683, 0xd684, 0xd685, 0xd686, 0xd687,
    0xf203, 0xf204, 0xf614, 0xf617, 0xf618, 0xf636, 0xf661,
];
