//! Hostile workbooks, named by the attack, and ordinary ones that must keep their content.

mod fixture;
mod formulas;
mod parts;
mod shapes;
mod sheets;
mod strings;
