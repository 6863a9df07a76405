//! Structures that are written anew, by the number of their pair in the information block (MS-DOC 2.5.6).

use super::fib::Story;

pub(super) const STYLES: usize = 1;
pub(super) const SECTIONS: usize = 6;
pub(super) const CHARACTERS: usize = 12;
pub(super) const PARAGRAPHS: usize = 13;
pub(super) const PIECES: usize = 33;
pub(super) const DRAWINGS: usize = 50;
pub(super) const LISTS: usize = 73;
pub(super) const LIST_USES: usize = 74;

pub(super) const REBUILT: &[usize] = &[
    STYLES, SECTIONS, CHARACTERS, PARAGRAPHS, PIECES, DRAWINGS, LISTS, LIST_USES, 16, 17, 18, 19, 48, 57, 59,
];

/// The table of fields of a story, and what to call a field in it.
pub(super) fn fields(story: Story) -> (usize, &'static str) {
    match story {
        Story::Main => (16, "field in the text"),
        Story::Headers => (17, "field in a header"),
        Story::Footnotes => (18, "field in a footnote"),
        Story::Comments => (19, "field in a comment"),
        Story::Endnotes => (48, "field in an endnote"),
        Story::TextBoxes => (57, "field in a text box"),
        Story::HeaderTextBoxes => (59, "field in a text box of a header"),
    }
}
