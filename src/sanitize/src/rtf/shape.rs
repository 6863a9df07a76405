//! Which properties of drawing shapes may stay ([MS-ODRAW] 2.3, Rich Text Format Specification 1.9.1 "Drawing Objects")?
//!
//! Left out on purpose: all that names a file, an address, a script or a package (`pibName`, `pihlShape`, `metroBlob`), and
//! `pFragments` (CVE-2010-3333).

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::report::What;

const NAMES: &str = "\
    adjust10Value adjust2Value adjust3Value adjust4Value adjust5Value adjust6Value adjust7Value adjust8Value adjust9Value \
    adjustValue alignHR anchorText bottom bWMode bWModeBW bWModePureBW \
    borderBottomColor borderLeftColor borderRightColor borderTopColor \
    c3DAmbientIntensity c3DCrMod c3DDiffuseAmt c3DEdgeThickness c3DExtrudeBackward c3DExtrudeForward c3DExtrudePlane \
    c3DExtrusionColor c3DExtrusionColorExt c3DExtrusionColorExtMod c3DFillIntensity c3DFillX c3DFillY c3DFillZ \
    c3DKeyIntensity c3DKeyX c3DKeyY c3DKeyZ c3DOriginX c3DOriginY c3DRenderMode c3DRotationAngle c3DRotationAxisX \
    c3DRotationAxisY c3DRotationAxisZ c3DRotationCenterX c3DRotationCenterY c3DRotationCenterZ c3DShininess \
    c3DSkewAmount c3DSkewAngle c3DSpecularAmt c3DTolerance c3DXRotationAngle c3DXViewpoint c3DYRotationAngle \
    c3DYViewpoint c3DZViewpoint \
    cdirFont ccol cropFromBottom cropFromLeft cropFromRight cropFromTop cxk cxstyle \
    dgmLayout dgmNodeKind dhgt dxHeightHR dxTextLeft dxTextRight dxWidthHR dxWrapDistLeft dxWrapDistRight dxyCalloutDropSpecified \
    dxyCalloutGap dxyCalloutLengthSpecified dyTextBottom dyTextTop dyWrapDistBottom dyWrapDistTop dzColMargin \
    f3D f3DOK fAllowOverlap fAnchorText fArrowheadsOK fAutoTextMargin fBackground fBehindDocument fBidi \
    fc3DConstrainRotation fc3DFillHarsh fc3DKeyHarsh fc3DLightFace fc3DMetallic fc3DParallel fc3DRotationCenterAuto \
    fc3DUseExtrusionColor fCalloutAccentBar fCalloutBorder fCalloutDropAuto fCalloutLengthSpecified fCalloutMinusX \
    fCalloutMinusY fCallout fChangePage fColumnLineOK fEditedWrap fFakeMaster fFilled fFillOK fFillShadeShapeOK \
    fFitShapeToText fFitTextToShape fFlipH fFlipV fGrayscale fBilevel fGroup fGtextOK fHidden fHitTestFill fHitTestLine \
    fHorizRule fInitiator fInnerDist fInsetPen fInsetPenOK fIsBullet fIsBackground fLayoutInCell fLayoutReserved \
    fLine fLineOK fLineOpaqueBackColor fLineUseShapeAnchor fLineRecolorFillAsPicture fLockAdjustHandles \
    fLockAgainstGrouping fLockAgainstSelect fLockAgainstUngrouping fLockAspectRatio fLockCropping fLockPosition \
    fLockRotation fLockShapeType fLockText fLockVertices fNoFillHitTest fNoHitTestPicture fNoLineDrawDash fNoshadeHR \
    fOleIcon fOnDblClickNotify fOneD fPictureActive fPictureBiLevel fPictureGray fPicturePreserveGrays fPolicyBarcode \
    fPolicyLabel fPreferRelativeResize fPrint fPseudoInline fRecolorFillAsPicture fRehydrated fRelChangePage \
    fRelFlipH fRelFlipV fReallyHidden fRotateText fSelectText fShadow fshadowObscured fShadowOK fShadowObscured \
    fStandardHR fTexture fUseShapeAnchor fUserDrawn fVertFlowText \
    fillAngle fillBackColor fillBackColorExt fillBackColorExtMod fillBackOpacity fillBlip fillColor fillColorExt \
    fillColorExtMod fillCrMod fillDztype fillFocus fillHeight fillOpacity fillOriginX fillOriginY fillRectBottom \
    fillRectLeft fillRectRight fillRectTop fillShadeColors fillShadePreset fillShadeType fillShape fillShapeOriginX \
    fillShapeOriginY fillToBottom fillToLeft fillToRight fillToTop fillType fillUseRect fillWidth \
    geoBottom geoLeft geoRight geoTop groupBottom groupLeft groupRight groupTop \
    gtextAlign gtextFBestFit gtextFBold gtextFDxMeasure gtextFItalic gtextFKern gtextFNormalize gtextFReverseRows \
    gtextFShadow gtextFShrinkFit gtextFSmallcaps gtextFStretch gtextFStrikethrough gtextFTight gtextFUnderline \
    gtextFVertical gtextFont gtextSize gtextSpacing gtextUNICODE fGtext \
    hspMaster hspNext hspNewpage left lidRegroup \
    lineBackColor lineBackColorExt lineBackColorExtMod lineColor lineColorExt lineColorExtMod lineCrMod lineDashStyle \
    lineDashing lineEndArrowLength lineEndArrowWidth lineEndArrowhead lineEndCapStyle lineFillBlip lineFillDztype \
    lineFillHeight lineFillShape lineFillWidth lineJoinStyle lineMiterLimit lineOpacity lineStartArrowLength \
    lineStartArrowWidth lineStartArrowhead lineStyle lineType lineWidth \
    pAdjustHandles pConnectionSites pConnectionSitesDir pGuides pInscribe pSegmentInfo pVerticies \
    pWrapPolygonVertices pctHR pctHoriz pctHorizPos pctVert pctVertPos perspectiveOffsetX perspectiveOffsetY \
    perspectivePerspectiveX perspectivePerspectiveY perspectiveScaleXToX perspectiveScaleXToY perspectiveScaleYToX \
    perspectiveScaleYToY perspectiveType perspectiveWeight perspectiveOriginX perspectiveOriginY fPerspective \
    pib pictureBrightness pictureContrast pictureDblCrMod pictureFillCrMod pictureGamma pictureId pictureLineCrMod \
    pictureRecolor pictureTransparent pictureTransparentExt pictureTransparentExtMod posh posrelh posrelv posv \
    relBottom relLeft relRight relRotation relTop right rotation \
    scaleText shadowColor shadowColorExt shadowColorExtMod shadowCrMod shadowHighlight shadowOffsetX shadowOffsetY \
    shadowOpacity shadowOriginX shadowOriginY shadowPerspectiveX shadowPerspectiveY shadowScaleXToX shadowScaleXToY \
    shadowScaleYToX shadowScaleYToY shadowSecondOffsetX shadowSecondOffsetY shadowType shadowWeight shapePath shapeType \
    shadowSoftness sizerelh sizerelv spcoa spcod \
    tableProperties tableRowProperties top txdir txflTextFlow wzDescription wzName WrapText \
    xLimo yLimo";

/// Properties that are lists of numbers.
const ARRAYS: &str = "\
    fillShadeColors lineDashStyle pAdjustHandles pConnectionSites pConnectionSitesDir pGuides pInscribe pSegmentInfo \
    pVerticies pWrapPolygonVertices tableRowProperties";

/// Bytes of such a list.
pub(super) const MAX_ARRAY: usize = 1 << 20;

/// Sizes of their items in bytes ([MS-ODRAW] 2.2.51, `IMsoArray`); the last stands for 4.
const ITEM_SIZES: [&str; 6] = ["2", "4", "8", "16", "24", "65520"];

static ALLOWED: LazyLock<HashSet<&'static str>> = LazyLock::new(|| NAMES.split_ascii_whitespace().collect());

/// Why a property may not stay.
pub(super) fn refused(name: &str) -> Option<What> {
    if ALLOWED.contains(name) {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    Some(match () {
        () if lower.starts_with("pihl") => What::Link,
        () if lower.contains("blip") || lower.starts_with("pib") => What::ExternalReference,
        () if lower.contains("script") => What::Script,
        () if lower == "metroblob" || lower == "gfxdata" => What::EmbeddedObject,
        () => What::UnknownPart,
    })
}

pub(super) fn is_array(name: &str) -> bool {
    ARRAYS.split_ascii_whitespace().any(|array| array == name)
}

/// A list of numbers written anew, `size;count;item;…` with items such as `7` or `(7,8)`, or one number; `None`: it is
/// neither, and readers have trusted its numbers (CVE-2010-3333).
pub(super) fn array(text: &str) -> Option<String> {
    let number = |text: &str| text.trim().parse::<i64>().ok().map(|number| number.to_string());
    let item = |text: &str| match text.trim().strip_prefix('(') {
        None => number(text),
        Some(tuple) => {
            let numbers: Option<Vec<_>> = tuple.strip_suffix(')')?.split(',').map(number).collect();
            let numbers = numbers.filter(|numbers| numbers.len() <= 8)?;
            Some(format!("({})", numbers.join(",")))
        }
    };
    let mut parts = text.trim().trim_end_matches(';').split(';');
    let (size, count) = (parts.next()?, parts.next());
    let Some(count) = count else { return number(size) };
    let items: Vec<_> = parts.map(item).collect::<Option<_>>()?;
    let size = ITEM_SIZES.into_iter().find(|known| *known == size.trim())?;
    if count.trim().parse() != Ok(items.len()) || items.len() > usize::from(u16::MAX) {
        return None;
    }
    Some([&[size.to_owned(), items.len().to_string()], items.as_slice()].concat().join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_hold_as_many_items_as_they_say() {
        assert_eq!(array("8;2;(0,0);(-5, 21600)").as_deref(), Some("8;2;(0,0);(-5,21600)"));
        assert_eq!(array("2;3;16384;+1;45824;").as_deref(), Some("2;3;16384;1;45824"));
        assert_eq!(array("4;0").as_deref(), Some("4;0"));
        assert_eq!(array("12").as_deref(), Some("12"));
        for bad in [
            "",
            "1;1;11111111acc8",
            "8;3;(0,0);(1,1)",
            "8;65535",
            "8;1;(0,0);(1,1)",
            "3;1;0",
            "8;1;(0,0",
            "8;1;x",
            "8;-1",
            "8;1;(1,2,3,4,5,6,7,8,9)",
            "99999999999999999999",
        ] {
            assert_eq!(array(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_of_files_addresses_and_packages_are_refused() {
        assert_eq!(refused("fillColor"), None);
        assert_eq!(refused("pib"), None);
        for (name, what) in [
            ("pihlShape", What::Link),
            ("pibName", What::ExternalReference),
            ("pibFlags", What::ExternalReference),
            ("fillBlipName", What::ExternalReference),
            ("lineFillBlipFlags", What::ExternalReference),
            ("wzScript", What::Script),
            ("metroBlob", What::EmbeddedObject),
            ("pFragments", What::UnknownPart),
            ("pfragments", What::UnknownPart),
        ] {
            assert_eq!(refused(name), Some(what), "{name}");
        }
    }
}
