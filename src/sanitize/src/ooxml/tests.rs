//! Hostile documents, named by the attack, and ordinary ones that must keep their content.

mod excel;
mod fixture;
mod package;
mod powerpoint;
mod proof;
mod word;
