//! Office drawings (MS-ODRAW): the records that Word, Excel and PowerPoint 97–2003 keep shapes and pictures in.
//!
//! ```text
//! record: version 4 bits │ instance 12 bits │ type u16 │ length u32 │ body      version 15: the body is records
//!
//! DggContainer ─▶ BStoreContainer ─▶ FBSE 1, 2, … ─▶ BLIP (behind the FBSE, or elsewhere at its offset)
//!                                      ▲
//! SpContainer ─▶ FOPT ─ property pib ──┘ by number
//! ```
//!
//! | module | question it answers |
//! |---|---|
//! | `record` | how are records read and written? |
//! | `blip` | what becomes of a picture? |
//! | `proof` | is a rebuilt picture what its record says? |
//! | `store` | what does the list of pictures say of each? |
//! | `properties` | which properties may a shape keep? **an allow list** |

mod blip;
mod proof;
mod properties;
mod record;
mod store;

pub(crate) use blip::Blip;
pub(crate) use proof::{group_length, hides_file, is_picture};
#[cfg(test)]
pub(crate) use properties::number_of;
pub(crate) use properties::{Properties, is_dangerous};
pub(crate) use record::{Record, Records, close, open, put};
pub(crate) use store::Entry;

/// Record types (MS-ODRAW 2.2).
pub(crate) mod kind {
    pub(crate) const DGG_CONTAINER: u16 = 0xf000;
    pub(crate) const STORE_CONTAINER: u16 = 0xf001;
    pub(crate) const DG_CONTAINER: u16 = 0xf002;
    pub(crate) const GROUP_CONTAINER: u16 = 0xf003;
    pub(crate) const SHAPE_CONTAINER: u16 = 0xf004;
    pub(crate) const SOLVER_CONTAINER: u16 = 0xf005;
    pub(crate) const DGG: u16 = 0xf006;
    pub(crate) const STORE_ENTRY: u16 = 0xf007;
    pub(crate) const DG: u16 = 0xf008;
    pub(crate) const GROUP: u16 = 0xf009;
    pub(crate) const SHAPE: u16 = 0xf00a;
    pub(crate) const PROPERTIES: u16 = 0xf00b;
    pub(crate) const CLIENT_TEXTBOX: u16 = 0xf00d;
    pub(crate) const CHILD_ANCHOR: u16 = 0xf00f;
    pub(crate) const CLIENT_ANCHOR: u16 = 0xf010;
    pub(crate) const CLIENT_DATA: u16 = 0xf011;
    pub(crate) const CONNECTOR_RULE: u16 = 0xf012;
    pub(crate) const ARC_RULE: u16 = 0xf014;
    pub(crate) const CALLOUT_RULE: u16 = 0xf017;
    pub(crate) const REGROUP_ITEMS: u16 = 0xf118;
    pub(crate) const RECENT_COLOURS: u16 = 0xf11a;
    pub(crate) const DELETED_SHAPE: u16 = 0xf11d;
    pub(crate) const MENU_COLOURS: u16 = 0xf11e;
    pub(crate) const SECOND_PROPERTIES: u16 = 0xf121;
    pub(crate) const THIRD_PROPERTIES: u16 = 0xf122;
}

#[cfg(test)]
mod tests;
