//! Identify documents and rebuild them without macros and other active content.
//!
//! The rule is **allow-list rebuild, fail closed**: read the input, copy the parts that are known to be good into a
//! new file, leave everything else behind, then parse the result again and prove the removals. An unknown part,
//! a parse error, two parsers that disagree or a limit that is hit never passes on what came in.
//!
//! The crate is pure: it sees only the bytes it is given, opens no file and no socket, reads no clock but to
//! say how long a step took, and has no `unsafe` code.
//!
//! ```text
//! bytes ──▶ identify ──▶ inspect (caller's scanners) ──▶ rebuild ──▶ verify ──▶ Sanitized { bytes, report }
//!              │               ▲                            │
//!              │               └── each archive member ◀────┤ nested documents: the same path, one level deeper
//!              └── content and declared type disagree: refused
//! ```
//!
//! | module | question it answers |
//! |---|---|
//! | [`mod@format`] | which formats exist, their names, extensions, media types and rebuilders: the one table |
//! | [`mod@identify`] | what are these bytes, and does the name tell the truth? |
//! | [`limits`] | how large, deep and many may things be? |
//! | [`options`] | what may be chosen about a rebuild? |
//! | [`report`] | what was found, done and removed? |
//! | [`failure`] | why was something not rebuilt? |
//! | [`job`] | the way of one file, and of all that is nested in it, from bytes to verdict |
//! | `little_endian`, `dib` | numbers by offset; the bitmaps of BMP files and metafiles |
//! | `removals` | what was left behind, in a few places however much it is? |
//! | `zip_structure` | does this ZIP say one thing only? |
//! | `zip_write` | ZIP files that say one thing only, always the same bytes |
//! | `markup`, `pictures` | what office documents of all kinds have in common: XML, addresses, formulas; pictures |
//! | `compound` | what is in an OLE compound file, and how is one written? |
//! | `summary` | what may a legacy document say about itself? |
//! | `office_art` | what may a shape or picture of legacy Office have? |
//! | `css` | which style declarations may stay? |
//! | `archive`, `ooxml`, `doc`, `xls`, `ppt`, `odf`, `rtf`, `pdf`, `image`, `metafile`, `html`, `svg`, `text`, `mail` | the rebuilders, one format family each |

#![forbid(unsafe_code)]

pub mod failure;
pub mod format;
pub mod identify;
pub mod job;
pub mod limits;
pub mod options;
pub mod report;

mod archive;
mod compound;
mod css;
mod dib;
mod doc;
mod html;
mod image;
mod little_endian;
mod mail;
mod markup;
mod metafile;
mod odf;
mod office_art;
mod ooxml;
mod pdf;
mod pictures;
mod ppt;
mod removals;
mod rtf;
mod summary;
mod svg;
mod text;
mod xls;
mod zip_structure;
mod zip_write;

pub use failure::Failure;
pub use format::Format;
pub use identify::{Declared, Identified, identify};
pub use job::{Inspector, NoInspector, Sanitized, Settings, sanitize};
pub use limits::Limits;
pub use options::Options;
pub use report::{Removed, Report, Step, Verdict, What};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
