//! Which records may stand in which (MS-PPT 2.4 to 2.12, MS-ODRAW 2.2): the allow list.
//!
//! A record is copied when the record it stands in lists its type, and its own rule is met. Not listed, and so left behind: objects,
//! controls, sounds, films, macros, tags of add-ins, routing slips, reviews, broadcasts, embedded fonts, smart tags, and the copies of
//! masters and themes in the format of 2007.

use super::kind;
use crate::office_art::kind as art;
use crate::report::What;

/// How a record is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// This many bytes; a longer one is cut, a shorter one is left behind.
    Fixed(usize),
    /// Its text, or a list of runs that says itself how long it is.
    Bytes,
    /// So many bytes and any number of parts of so many; what is behind the last whole part is cut.
    Parts(usize, usize),
    /// As long as the number of its entries says.
    Group,
    /// A kind and what that kind has.
    Variant,
    /// Records of these types.
    Container(&'static [u16]),
    /// As its name says, in `rewrite`.
    Special(Special),
}

/// Records that are more than copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    /// Numbers of masters.
    DocumentAtom,
    /// Links.
    ExternalList,
    /// Number of the slide.
    SlidePersist,
    /// Sound.
    SlideShowInfo,
    /// Sound and verb.
    Animation,
    /// Action, and the text it belongs to when there is one.
    Action,
    /// Behind its action only.
    TextAction,
    /// Flag of embedded fonts.
    Font,
    /// Known names and what they may hold.
    BinaryTag,
    /// No media, no commands.
    TimeNode,
    /// A picture of its own.
    BulletPicture,
    /// Pictures last, for they are numbered by use.
    DrawingGroup,
    /// Flag of OLE objects.
    Shape,
    /// The list of `office_art`.
    Properties,
    /// 8 or 16 bytes.
    Anchor,
}

/// This type, and those of which a text consists.
macro_rules! text_after {
    ($first:expr) => {
        [
            $first,
            0x0f9f,
            0x0fa0,
            0x0fa1,
            0x0fa2,
            0x0fa6,
            0x0fa8,
            0x0faa,
            0x0fd8,
            0x0ff7,
            0x0ff8,
            0x0ff9,
            0x0ffa,
            0x1015,
            kind::ACTION,
            kind::TEXT_ACTION,
        ]
    };
}

/// The rule for a type; `None`: it is copied nowhere.
pub(super) fn rule(kind: u16) -> Option<Rule> {
    use Rule::{Bytes, Container, Fixed, Group, Parts, Special as As, Variant};
    Some(match kind {
        kind::DOCUMENT => Container(&[
            kind::DOCUMENT_ATOM,
            kind::EXTERNAL_LIST,
            0x03f2,
            0x040b,
            kind::SLIDE_LIST,
            0x0fd9,
            0x07d0,
            kind::TAGS,
            0x0410,
            0x1770,
            0x0401,
            0x03ea,
        ]),
        kind::DOCUMENT_ATOM => As(Special::DocumentAtom),
        kind::EXTERNAL_LIST => As(Special::ExternalList),
        0x03ea => Fixed(0),  // end of the document
        0x0401 => Fixed(80), // slide show
        0x1770 => Fixed(5),  // what to print
        // Text defaults.
        0x03f2 => Container(&[0x0fc8, 0x07d5, 0x0fa4, 0x0fa5, 0x0fab, 0x0fa9, 0x0fa3]),
        0x0fc8 => Container(&[0x0fd2, kind::STRING]), // line breaking in Japanese
        0x0fd2 => Fixed(4),
        0x07d5 | 0x07d6 => Container(&[kind::FONT]),
        kind::FONT => As(Special::Font),
        0x0fa3..=0x0fa5 | 0x0fa9 | 0x0fab => Bytes,
        // Custom shows.
        0x0410 => Container(&[0x0411]),
        0x0411 => Container(&[kind::STRING, 0x0412]),
        0x0412 => Parts(0, 4),
        kind::STRING => Bytes,
        // Views.
        0x07d0 => Container(&[kind::TAGS, 0x03fa, 0x0407, 0x0408, 0x0413, 0x0414]),
        0x03fa => Container(&[0x03fd, 0x03fe, 0x03fb]),
        0x0407 | 0x0408 | 0x0413 => Container(&[0x03fd]),
        0x0414 => Container(&[0x0415]),
        0x03fb => Fixed(8),
        0x03fd => Fixed(52),
        0x03fe => Fixed(3),
        0x0415 => Fixed(20),
        // Headers and footers.
        0x0fd9 => Container(&[0x0fda, kind::STRING]),
        0x0fda => Fixed(4),
        // Slides and masters.
        kind::SLIDE => {
            Container(&[0x03ef, kind::SLIDE_SHOW_INFO, 0x0fd9, 0x040c, 0x07f0, kind::STRING, kind::TAGS])
        }
        kind::MAIN_MASTER => Container(&[
            0x03ef,
            kind::SLIDE_SHOW_INFO,
            0x0fd9,
            0x040c,
            0x07f0,
            0x0fa3,
            kind::STRING,
            kind::TAGS,
        ]),
        kind::NOTES => Container(&[0x03f1, 0x0fd9, 0x040c, 0x07f0, kind::STRING, kind::TAGS]),
        kind::HANDOUT => Container(&[0x0fd9, 0x040c, 0x07f0, kind::STRING, kind::TAGS]),
        0x03ef => Fixed(24),
        0x03f1 => Fixed(8),
        0x07f0 => Fixed(32), // colours
        kind::SLIDE_SHOW_INFO => As(Special::SlideShowInfo),
        // Text.
        kind::SLIDE_LIST => Container(&text_after![kind::SLIDE_PERSIST]),
        art::CLIENT_TEXTBOX => Container(&text_after![0x0f9e]),
        kind::SLIDE_PERSIST => As(Special::SlidePersist),
        0x0f9e | 0x0f9f => Fixed(4),
        0x0fa2 => Parts(0, 6),
        0x0fa0 | 0x0fa1 | 0x0fa6 | 0x0fa8 | 0x0faa => Bytes,
        0x0fd8 | 0x0ff8..=0x0ffa => Fixed(4), // number of the slide, date, header, footer
        0x0ff7 => Fixed(8),                   // date and time
        0x1015 => Fixed(132),                 // date and time in a format of its own
        kind::ACTION => As(Special::Action),
        kind::TEXT_ACTION => As(Special::TextAction),
        // Drawings.
        0x040b => Container(&[art::DGG_CONTAINER]),
        art::DGG_CONTAINER => As(Special::DrawingGroup),
        art::DGG => Group,
        art::RECENT_COLOURS | art::REGROUP_ITEMS => Parts(0, 4),
        art::MENU_COLOURS => Fixed(16),
        0x040c => Container(&[art::DG_CONTAINER]),
        art::DG_CONTAINER => Container(&[
            art::DG,
            art::REGROUP_ITEMS,
            art::GROUP_CONTAINER,
            art::SHAPE_CONTAINER,
            art::SOLVER_CONTAINER,
        ]),
        art::GROUP_CONTAINER => Container(&[art::GROUP_CONTAINER, art::SHAPE_CONTAINER]),
        art::SHAPE_CONTAINER => Container(&[
            art::GROUP,
            art::SHAPE,
            art::DELETED_SHAPE,
            art::PROPERTIES,
            art::SECOND_PROPERTIES,
            art::THIRD_PROPERTIES,
            art::CHILD_ANCHOR,
            art::CLIENT_ANCHOR,
            art::CLIENT_DATA,
            art::CLIENT_TEXTBOX,
        ]),
        art::SOLVER_CONTAINER => Container(&[art::CONNECTOR_RULE, art::ARC_RULE, art::CALLOUT_RULE]),
        art::DG | art::ARC_RULE | art::CALLOUT_RULE => Fixed(8),
        art::GROUP | art::CHILD_ANCHOR => Fixed(16),
        art::CONNECTOR_RULE => Fixed(24),
        art::DELETED_SHAPE => Fixed(4),
        art::SHAPE => As(Special::Shape),
        art::PROPERTIES | art::SECOND_PROPERTIES | art::THIRD_PROPERTIES => As(Special::Properties),
        art::CLIENT_ANCHOR => As(Special::Anchor),
        art::CLIENT_DATA => {
            Container(&[0x0bc3, 0x0bdb, 0x0bdc, 0x0bdd, 0x0420, 0x0fe7, kind::ACTION, 0x1014, kind::TAGS])
        }
        0x0bc3 => Fixed(8),                   // placeholder
        0x0bdb..=0x0bdd | 0x0420 => Fixed(1), // flags, new placeholder, header or footer
        0x0fe7 => Parts(12, 44),              // other colours for a metafile
        0x1014 => Container(&[kind::ANIMATION]),
        kind::ANIMATION => As(Special::Animation),
        // What versions after 97 added.
        kind::TAGS => Container(&[kind::BINARY_TAG]),
        kind::BINARY_TAG => As(Special::BinaryTag),
        0x0fac..=0x0fad | 0x0fb0..=0x0fb2 | 0x0fb4 => Bytes, // text styles
        0x0fae => Container(&[0x0faf, 0x0fac]),
        0x0fb3 => Container(&[0x0faf, 0x0fb1]),
        0x0faf | 0x040d | 0x2eeb => Fixed(8), // text of an outline, grid, time of making
        0x07f8 => Container(&[kind::BULLET_PICTURE]),
        kind::BULLET_PICTURE => As(Special::BulletPicture),
        0x0424 | 0x0425 => Fixed(1), // headers and footers by default, flags
        0x2eea | 0x2b00 => Fixed(4), // flags of a slide, digest of its animations
        0x2ee0 => Container(&[kind::STRING, 0x2ee1]), // comment
        0x2ee1 => Fixed(28),
        0x2ee4 => Container(&[kind::STRING, 0x2ee5]), // comment authors
        0x2ee5 => Fixed(8),
        // Animations.
        0x2b02 => Container(&[0x2b04, 0x2b06, 0x2b08]),
        0x2b04 => Container(&[0x2b03, 0x2b05]),
        0x2b06 => Container(&[0x2b03, 0x2b07]),
        0x2b08 => Container(&[0x2b03, 0x2b09, 0x2b0a, kind::TIME_NODE]),
        0x2b03 | 0x2b09 => Fixed(16),
        0x2b05 => Fixed(8),
        0x2b07 | 0x2b0a => Fixed(4),
        kind::TIME_NODE | 0xf145 => As(Special::TimeNode),
        0xf125 => Container(&[0xf128, 0xf13c]),
        0xf13c => Container(&[0x2b01, 0x2afb]),
        0xf12a => Container(&[0xf133, 0xf13e, 0xf13d, 0xf13c]),
        0xf12b => Container(&[0xf134, 0xf13f, 0xf142, 0xf12a]),
        0xf12c => Container(&[0xf135, 0xf12a]),
        0xf12d => Container(&[0xf136, 0xf142, 0xf12a]),
        0xf12e => Container(&[0xf137, 0xf142, 0xf12a]),
        0xf12f => Container(&[0xf138, 0xf12a]),
        0xf130 => Container(&[0xf139, 0xf12a]),
        0xf131 => Container(&[0xf13a, 0xf142, 0xf12a]),
        0xf13d | 0xf13e => Container(&[0xf142]),
        0xf13f => Container(&[0xf143, 0xf142]),
        kind::TIME_NODE_ATOM => Fixed(32),
        0xf128 | 0xf133 => Fixed(16),
        0xf140 | 0xf141 | 0x2afb => Fixed(20),
        0xf129 | 0xf136 | 0xf13a => Fixed(8),
        0x2b01 | 0xf143 => Fixed(4),
        0xf134 => Fixed(12),
        0xf135 => Fixed(52),
        0xf137 | 0xf139 => Fixed(32),
        0xf138 => Fixed(20),
        0xf142 => Variant,
        _ => return None,
    })
}

/// What a time node may hold; there is no command among it.
pub(super) const TIME_NODE: &[u16] = &[
    kind::TIME_NODE_ATOM,
    0xf125,
    0xf129,
    0xf12b,
    0xf12c,
    0xf12d,
    0xf12e,
    0xf12f,
    0xf130,
    0xf131,
    0xf13c,
    0xf13d,
    0xf140,
    0xf141,
    kind::TIME_NODE,
    0xf145,
];

/// What stands beside the list of pictures.
pub(super) const DRAWING_GROUP: &[u16] = &[
    art::DGG,
    art::PROPERTIES,
    art::SECOND_PROPERTIES,
    art::THIRD_PROPERTIES,
    art::RECENT_COLOURS,
    art::MENU_COLOURS,
];

/// What the data of a binary tag may hold, by the tag's name.
pub(super) const BINARY_TAGS: [(&str, &[u16]); 3] = [
    ("___PPT9", &[0x0fac, 0x0fad, 0x0fb0, 0x0fae, 0x0fc8, 0x07f8]),
    (
        "___PPT10",
        &[
            0x0fb1,
            0x0fb2,
            0x0fb3,
            0x0fb4,
            0x07d6,
            0x040d,
            0x2eea,
            0x2eeb,
            0x2b00,
            0x2b02,
            0x2ee0,
            0x2ee4,
            kind::TIME_NODE,
        ],
    ),
    ("___PPT12", &[0x0424, 0x0425]),
];

/// What it is that a record of this type brings, where it is left behind.
pub(super) fn what(kind: u16) -> What {
    match kind {
        0x03ff | 0x0400 => What::Macro,
        0x0fee | 0x0ffb => What::Control,
        0x0fc3 | 0x0fcc | 0x0fcd | 0x0bc1 | kind::OLE_STORAGE => What::EmbeddedObject,
        0x0fce | 0x0fd1 => What::ExternalReference,
        0x07e4..=0x07e7 | 0x1004..=0x1007 | 0x100d..=0x1010 | 0x1012 | 0x1013 => What::Multimedia,
        kind::TIME_COMMAND => What::Action,
        0x0fb8 => What::Font,
        0x0406 | 0x0402 | 0x07e3 | 0x0fa7 | 0x1784 | 0x1785 => What::Metadata,
        kind::LINK | 0x0fe4 => What::Link,
        0x1389 => What::Extension,
        _ => What::UnknownPart,
    }
}
