//! **The allow list** of SVG: which elements, attributes, styles and references may stay (SVG 2, SVG 1.1).

use crate::css;

/// Drawing, text, and what they refer to. No scripts, no animation, nothing from elsewhere, nothing of other vocabularies.
const ELEMENTS: &str = "a circle clipPath defs desc ellipse feBlend feColorMatrix feComponentTransfer feComposite feConvolveMatrix \
    feDiffuseLighting feDisplacementMap feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge \
    feMergeNode feMorphology feOffset fePointLight feSpecularLighting feSpotLight feTile feTurbulence filter g image line \
    linearGradient marker mask path pattern polygon polyline radialGradient rect stop style svg switch symbol text textPath title \
    tspan use";

/// Attributes without a namespace.
const ATTRIBUTES: &str = "amplitude azimuth baseFrequency bias class clipPathUnits cx cy d diffuseConstant divisor dx dy edgeMode \
    elevation exponent filterUnits fr fx fy gradientTransform gradientUnits height id in in2 intercept k1 k2 k3 k4 kernelMatrix \
    kernelUnitLength lang lengthAdjust limitingConeAngle markerHeight markerUnits markerWidth maskContentUnits maskUnits method \
    mode numOctaves offset operator order orient pathLength patternContentUnits patternTransform patternUnits points pointsAtX \
    pointsAtY pointsAtZ preserveAlpha preserveAspectRatio primitiveUnits r radius refX refY result rotate rx ry scale seed side \
    slope spacing specularConstant specularExponent spreadMethod startOffset stdDeviation stitchTiles style surfaceScale \
    tableValues targetX targetY textLength transform type values version viewBox width x x1 x2 xChannelSelector y y1 y2 \
    yChannelSelector z";

/// Attributes that are style properties too.
const PROPERTIES: &str = "alignment-baseline background-color baseline-shift clip clip-path clip-rule color color-interpolation \
    color-interpolation-filters color-rendering direction display dominant-baseline enable-background fill fill-opacity fill-rule \
    filter flood-color flood-opacity font font-family font-size font-size-adjust font-stretch font-style font-variant font-weight \
    image-rendering isolation kerning letter-spacing lighting-color line-height marker marker-end marker-mid marker-start mask \
    mask-type mix-blend-mode opacity overflow paint-order pointer-events shape-rendering stop-color stop-opacity stroke \
    stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity stroke-width text-align \
    text-anchor text-decoration text-indent text-rendering text-transform transform unicode-bidi vector-effect visibility \
    white-space word-spacing writing-mode";

const FUNCTIONS: [&str; 15] = [
    "calc",
    "hsl",
    "hsla",
    "matrix",
    "rect",
    "rgb",
    "rgba",
    "rotate",
    "scale",
    "scalex",
    "scaley",
    "skewx",
    "skewy",
    "translate",
    "url",
];

fn listed(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

pub(super) fn is_element(name: &str) -> bool {
    listed(ELEMENTS, name)
}

pub(super) fn is_attribute(name: &str) -> bool {
    listed(ATTRIBUTES, name) || listed(PROPERTIES, name)
}

/// Whether a filter's parameter is of a size that a person would choose: work grows with it.
pub(super) fn is_modest(attribute: &str, value: &str) -> bool {
    let most = match attribute {
        "numOctaves" | "order" => 16.0,
        "stdDeviation" | "radius" => 1000.0,
        _ => return true,
    };
    let mut numbers = value.split(|c: char| c == ',' || c.is_ascii_whitespace()).filter(|n| !n.is_empty());
    numbers.all(|number| number.parse::<f64>().is_ok_and(|number| (0.0..=most).contains(&number)))
}

/// Whether an attribute other than `style` may have a value: what is written like a style may only refer within the file.
pub(super) fn is_value(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    !value.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
        && !["\\", "javascript:", "expression(", "@", "data:", "image(", "image-set(", "src(", "//"]
            .iter()
            .any(|sign| lower.contains(sign))
        && refers_within(value)
}

/// Whether a style property may have a value.
pub(super) fn style(name: &str, value: &str) -> bool {
    listed(PROPERTIES, name) && is_value(value) && css::calls_only(value, &FUNCTIONS)
}

/// Every `url(…)` is `url(#id)`.
fn refers_within(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let mut pieces = lower.split("url(");
    let _ = pieces.next();
    pieces.all(|piece| {
        let inner = piece.split_once(')').map(|(inner, _)| inner.trim());
        inner.is_some_and(|inner| {
            let inner = inner.trim_matches(['"', '\'']).trim();
            is_fragment(inner)
        })
    })
}

/// Whether a reference is to something in the same file.
pub(super) fn is_fragment(reference: &str) -> bool {
    reference
        .strip_prefix('#')
        .is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_alphanumeric() || "_-.:".contains(c)))
}
