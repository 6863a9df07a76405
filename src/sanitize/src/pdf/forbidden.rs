//! What the verifier searches for: names that never enter a rebuilt document.

/// A list of names.
macro_rules! names {
    ($($name:literal)+) => { &[$($name),+] };
}

/// Keys that never enter the new document, whatever dictionary they are in.
pub(super) const FORBIDDEN_KEYS: &[&str] = names! {
    "AA" "AF" "Collection" "EF" "EmbeddedFiles" "FFilter" "JS" "JavaScript" "Launch" "Movie" "OPI"
    "OpenAction" "PieceInfo" "Renditions" "RichMediaContent" "RichMediaSettings" "SetOCGState" "Sound"
    "SpiderInfo" "URLS" "XFA" "Metadata" "DSS" "Perms" "Win" "Mac" "Unix" "FDecodeParms" "3DD" "3DV"
};

/// Actions that never enter the new document.
pub(super) const FORBIDDEN_ACTIONS: &[&str] = names! {
    "JavaScript" "Launch" "GoToR" "GoToE" "GoToDp" "SubmitForm" "ImportData" "Rendition" "Movie" "Sound"
    "SetOCGState" "Hide" "GoTo3DView" "RichMediaExecute" "Thread" "ResetForm" "Trans"
};

/// Values of `/Type` and `/Subtype` that never enter the new document.
pub(super) const FORBIDDEN_TYPES: &[&str] = names! {
    "RichMedia" "3D" "Movie" "Sound" "Screen" "FileAttachment" "PS" "TrapNet" "PrinterMark" "EmbeddedFile"
    "Filespec" "F" "Collection" "RichMediaContent" "MediaClip" "Rendition" "OPI" "Sig" "DocTimeStamp"
};
