//! Hostile documents, named by the attack, and ordinary ones that must keep their content.

mod content;
mod fixture;
mod metafile;
mod package;
mod sheet;
