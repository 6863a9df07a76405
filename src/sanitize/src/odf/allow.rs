//! The names that may stand in a kept part: **the allow list**.
//!
//! The vocabulary of OpenDocument 1.3 part 3 without all that runs, fetches, embeds or stands for something outside, and
//! what LibreOffice adds to it. Its extensions mostly bring the names of a later version forward, so that every listed
//! name may stand in their namespaces too. What else an element must be like is in [`rules`](super::rules).

use std::collections::HashSet;
use std::sync::LazyLock;

use super::namespace::Ns;

/// Elements by namespace.
const ELEMENTS: &[(Ns, &str)] = &[
    (
        Ns::Office,
        "\
        annotation annotation-end automatic-styles body change-info document-content document-styles drawing \
        font-face-decls forms master-styles presentation spreadsheet styles text",
    ),
    (
        Ns::Meta,
        "\
        creator-initials date-string",
    ),
    (
        Ns::Dc,
        "\
        creator date",
    ),
    (
        Ns::Style,
        "\
        background-image chart-properties column column-sep columns default-page-layout default-style \
        drawing-page-properties drop-cap font-face footer footer-first footer-left footer-style footnote-sep \
        graphic-properties handout-master header header-first header-footer-properties header-left header-style \
        hyperlink list-level-label-alignment list-level-properties map master-page page-layout \
        page-layout-properties paragraph-properties presentation-page-layout region-center region-left \
        region-right ruby-properties section-properties style tab-stop tab-stops table-cell-properties \
        table-column-properties table-properties table-row-properties text-properties",
    ),
    (
        Ns::Text,
        "\
        a alphabetical-index alphabetical-index-entry-template alphabetical-index-mark \
        alphabetical-index-mark-end alphabetical-index-mark-start alphabetical-index-source author-initials \
        author-name bibliography bibliography-configuration bibliography-entry-template bibliography-mark \
        bibliography-source bookmark bookmark-end bookmark-ref bookmark-start change change-end change-start \
        changed-region chapter character-count conditional-text date deletion expression format-change h \
        hidden-paragraph hidden-text illustration-index illustration-index-entry-template \
        illustration-index-source image-count index-body index-entry-bibliography index-entry-chapter \
        index-entry-link-end index-entry-link-start index-entry-page-number index-entry-span index-entry-tab-stop \
        index-entry-text index-source-style index-source-styles index-title index-title-template insertion \
        line-break linenumbering-configuration linenumbering-separator list list-header list-item \
        list-level-style-bullet list-level-style-image list-level-style-number list-style measure meta meta-field \
        note note-body note-citation note-continuation-notice-backward note-continuation-notice-forward note-ref \
        notes-configuration number numbered-paragraph object-count object-index object-index-entry-template \
        object-index-source outline-level-style outline-style p page page-continuation page-count page-number \
        page-sequence page-variable-get page-variable-set paragraph-count placeholder reference-mark \
        reference-mark-end reference-mark-start reference-ref ruby ruby-base ruby-text s section sender-city \
        sender-company sender-country sender-email sender-fax sender-firstname sender-initials sender-lastname \
        sender-phone-private sender-phone-work sender-position sender-postal-code sender-state-or-province \
        sender-street sender-title sequence sequence-decl sequence-decls sequence-ref sheet-name soft-page-break \
        sort-key span tab table-count table-formula table-index table-index-entry-template table-index-source \
        table-of-content table-of-content-entry-template table-of-content-source text-input time toc-mark \
        toc-mark-end toc-mark-start tracked-changes user-field-decl user-field-decls user-field-get \
        user-field-input user-index user-index-entry-template user-index-mark user-index-mark-end \
        user-index-mark-start user-index-source variable-decl variable-decls variable-get variable-input \
        variable-set word-count",
    ),
    (
        Ns::Table,
        "\
        background body calculation-settings cell-address cell-content-change cell-content-deletion \
        change-deletion change-track-table-cell consolidation content-validation content-validations \
        covered-table-cell cut-offs data-pilot-display-info data-pilot-field data-pilot-field-reference \
        data-pilot-group data-pilot-group-member data-pilot-groups data-pilot-layout-info data-pilot-level \
        data-pilot-member data-pilot-members data-pilot-sort-info data-pilot-subtotal data-pilot-subtotals \
        data-pilot-table data-pilot-tables database-range database-ranges deletion deletions dependencies \
        dependency desc detective error-message even-columns even-rows filter filter-and filter-condition \
        filter-or filter-set-item first-column first-row first-row-end-column first-row-even-column \
        first-row-start-column help-message highlighted-range insertion insertion-cut-off iteration label-range \
        label-ranges last-column last-row last-row-end-column last-row-even-column last-row-start-column movement \
        movement-cut-off named-expression named-expressions named-range null-date odd-columns odd-rows operation \
        previous scenario shapes sort sort-by sort-groups source-cell-range source-range-address subtotal-field \
        subtotal-rule subtotal-rules table table-cell table-column table-column-group table-columns \
        table-header-columns table-header-rows table-protection table-row table-row-group table-rows \
        table-template target-range-address title tracked-changes",
    ),
    (
        Ns::Draw,
        "\
        a caption circle connector contour-path contour-polygon control custom-shape ellipse enhanced-geometry \
        equation fill-image frame g glue-point gradient handle hatch image layer layer-set line marker measure \
        opacity page page-thumbnail path polygon polyline rect regular-polygon stroke-dash text-box",
    ),
    (
        Ns::Presentation,
        "\
        animation-group animations date-time date-time-decl dim footer footer-decl header header-decl hide-shape \
        hide-text notes placeholder settings show show-shape show-text",
    ),
    (
        Ns::Animation,
        "\
        animate animateColor animateMotion animateTransform iterate par param seq set transitionFilter",
    ),
    (
        Ns::Form,
        "\
        button checkbox combobox date fixed-text form formatted-text frame item listbox number option password \
        properties property radio text textarea time value-range",
    ),
    (
        Ns::Svg,
        "\
        desc font-face-format font-face-name linearGradient radialGradient stop title",
    ),
    (
        Ns::Plain,
        "\
        am-pm axis boolean boolean-style categories chart cube currency-style currency-symbol data-label \
        data-point date-style day day-of-week domain embedded-text equation era error-indicator extrude \
        fill-character floor footer fraction hours label-separator legend light mean-value minutes month number \
        number-style percentage-style plot-area quarter regression-curve rotate scene scientific-number seconds \
        series sphere stock-gain-marker stock-loss-marker stock-range-line subtitle symbol-image text \
        text-content text-style time-style title wall week-of-year year",
    ),
    (
        Ns::Extension,
        "\
        accent1 accent2 accent3 accent4 accent5 accent6 animatePhysics background-complex-color \
        border-bottom-complex-color border-left-complex-color border-right-complex-color border-top-complex-color \
        char-complex-color color color-scale color-scale-entry color-table complex-color condition \
        conditional-format conditional-formats content-control covered-table-cell custom-iconset \
        custom-label-field dark1 dark2 data-bar data-bar-entry data-label-series date-is date-scale deletion-cut \
        fieldmark fieldmark-end fieldmark-separator fieldmark-start fill-character fill-complex-color \
        followed-hyperlink footer-first formatting-entry gradient-stop graphic-properties header-first hyperlink \
        icon-set index-source-style insertion-cut light1 light2 line-complex-color list-item opacity-stop p param \
        sender-postal-code sparkline sparkline-axis-complex-color sparkline-first-complex-color sparkline-group \
        sparkline-groups sparkline-high-complex-color sparkline-last-complex-color sparkline-low-complex-color \
        sparkline-markers-complex-color sparkline-negative-complex-color sparkline-series-complex-color \
        sparklines stroke-complex-color table table-cell table-column table-columns table-header-columns \
        table-header-rows table-protection table-row table-rows text theme theme-colors transformation",
    ),
];

/// Attributes by namespace.
const ATTRIBUTES: &[(Ns, &str)] = &[
    (
        Ns::Office,
        "\
        boolean-value currency date-value display name string-value target-frame target-frame-name time-value \
        title value value-type version",
    ),
    (
        Ns::Meta,
        "\
        name value-type",
    ),
    (
        Ns::Style,
        "\
        adjustment apply-style-name auto-text-indent auto-update background-transparency base-cell-address \
        border-line-width border-line-width-bottom border-line-width-left border-line-width-right \
        border-line-width-top cell-protect char class color column-width condition contextual-spacing \
        country-asian country-complex data-style-name decimal-places default-outline-level diagonal-bl-tr \
        diagonal-bl-tr-widths diagonal-tl-br diagonal-tl-br-widths direction display display-name distance \
        distance-after-sep distance-before-sep dynamic-spacing editable family first-page-number flow-with-text \
        font-adornments font-charset font-charset-asian font-charset-complex font-family-asian \
        font-family-complex font-family-generic font-family-generic-asian font-family-generic-complex \
        font-independent-line-spacing font-name font-name-asian font-name-complex font-pitch font-pitch-asian \
        font-pitch-complex font-relief font-size-asian font-size-complex font-size-rel font-size-rel-asian \
        font-size-rel-complex font-style-asian font-style-complex font-style-name font-style-name-asian \
        font-style-name-complex font-weight-asian font-weight-complex footnote-max-height \
        glyph-orientation-vertical height horizontal-pos horizontal-rel hyphenation-keep join-border \
        justify-single-word language-asian language-complex layout-grid-base-height layout-grid-base-width \
        layout-grid-color layout-grid-display layout-grid-lines layout-grid-mode layout-grid-print \
        layout-grid-ruby-below layout-grid-ruby-height layout-grid-snap-to layout-grid-standard-mode leader-char \
        leader-color leader-style leader-text leader-text-style leader-type leader-width legend-expansion \
        legend-expansion-aspect-ratio length letter-kerning line-break line-height-at-least line-spacing \
        line-style lines list-level list-style-name master-page-name may-break-between-rows min-row-height mirror \
        name next-style-name num-format num-letter-sync num-prefix num-suffix number-wrapped-paragraphs \
        overflow-behavior page-layout-name page-number page-usage paper-tray-name parent-style-name \
        percentage-data-style-name position print print-content print-orientation print-page-order protect \
        punctuation-wrap register-true register-truth-ref-style-name rel-column-width rel-height rel-width repeat \
        repeat-content rfc-language-tag rfc-language-tag-asian rfc-language-tag-complex rotation-align \
        rotation-angle row-height ruby-align ruby-position run-through scale-to scale-to-X scale-to-Y \
        scale-to-pages script-asian script-complex script-type shadow shrink-to-fit snap-to-layout-grid style \
        style-name tab-stop-distance table-centering text-align-source text-autospace text-blinking text-combine \
        text-combine-end-char text-combine-start-char text-emphasize text-line-through-color \
        text-line-through-mode text-line-through-style text-line-through-text text-line-through-text-style \
        text-line-through-type text-line-through-width text-outline text-overline-color text-overline-mode \
        text-overline-style text-overline-type text-overline-width text-position text-rotation-angle \
        text-rotation-scale text-scale text-underline-color text-underline-mode text-underline-style \
        text-underline-type text-underline-width type use-optimal-column-width use-optimal-row-height \
        use-window-font-color vertical-align vertical-justify vertical-pos vertical-rel volatile width with-tab \
        wrap wrap-contour wrap-contour-mode wrap-dynamic-threshold writing-mode writing-mode-automatic",
    ),
    (
        Ns::Text,
        "\
        active address alphabetical-separators anchor-page-number anchor-type animation animation-delay \
        animation-direction animation-repeat animation-start-inside animation-steps animation-stop-inside annote \
        author bibliography-data-field bibliography-type booktitle bullet-char bullet-relative-size c \
        capitalize-entries caption-sequence-format caption-sequence-name change-id chapter \
        citation-body-style-name citation-style-name class-names column-name combine-entries \
        combine-entries-with-dash combine-entries-with-pp comma-separated cond-style-name condition \
        consecutive-numbering contextual-spacing continue-list continue-numbering copy-outline-levels \
        count-empty-lines count-in-text-boxes current-value custom-leader custom1 custom2 custom3 custom4 custom5 \
        date-adjust date-value default-style-name description display display-levels display-outline-level \
        dont-balance-text-columns duration edition editor fixed footnotes-position formula global howpublished id \
        identifier ignore-case increment index-name index-scope institution is-hidden is-list-header isbn issn \
        journal key key1 key1-phonetic key2 key2-phonetic kind label label-followed-by level line-break \
        line-number list-id list-level-position-and-space-mode list-tab-stop-position main-entry \
        main-entry-style-name master-page-name min-label-distance min-label-width month name note note-class \
        number number-lines number-position numbered-entries offset organizations outline-level page-adjust pages \
        placeholder-type prefix protected protection-key protection-key-digest-algorithm publisher ref-name \
        reference-format reference-language relative-tab-stop-position report-type restart-numbering \
        restart-on-page row-number school section-name select-page separation-character series sort-algorithm \
        sort-ascending sort-by-position space-before start-numbering-at start-value string-value \
        string-value-if-false string-value-if-true string-value-phonetic style-name style-override suffix tab-ref \
        table-name table-type time-adjust time-value title track-changes url use-caption use-chart-objects \
        use-draw-objects use-floating-frames use-graphics use-index-marks use-index-source-styles \
        use-keys-as-entries use-math-objects use-objects use-other-objects use-outline-level use-soft-page-breaks \
        use-spreadsheet-objects use-tables value visited-style-name volume year",
    ),
    (
        Ns::Table,
        "\
        acceptance-state add-empty-lines algorithm align allow-empty-cell application-data automatic-find-labels \
        base-cell-address bind-styles-to-content border-color border-model buttons case-sensitive cell-address \
        cell-range cell-range-address column comment condition condition-source condition-source-range-address \
        contains-error contains-header content-validation-name copy-back copy-formulas copy-styles count country \
        data-cell-range-address data-field data-type database-table-name date-end date-start date-value \
        default-cell-style-name default-row-style-name direction display display-border display-duplicates \
        display-filter-buttons display-list display-member-mode drill-down-on-double-click \
        embedded-number-behavior enabled end end-cell-address end-column end-position end-row end-table end-x \
        end-y execute expression field-name field-number first-row-end-column first-row-start-column formula \
        function grand-total group-by-field-number grouped-by has-persistent-data hidden id identify-categories \
        ignore-empty-rows index is-active is-data-layout-field is-selection is-sub-table label-cell-range-address \
        language last-column-spanned last-row-end-column last-row-spanned last-row-start-column layout-mode \
        link-to-source-data marked-invalid matrix-covered maximum-difference member-count member-name member-type \
        message-type mode multi-deletion-spanned name null-year number-columns-repeated number-columns-spanned \
        number-matrix-columns-spanned number-matrix-rows-spanned number-rows-repeated number-rows-spanned \
        object-name on-update-keep-size on-update-keep-styles operator order orientation \
        page-breaks-on-group-change paragraph-style-name parse-sql-statement password position precision-as-shown \
        print print-ranges protect protected protection-key protection-key-digest-algorithm query-name \
        range-usable-as refresh-delay rejecting-change-id rfc-language-tag row scenario-ranges script \
        search-criteria-must-apply-to-whole-cell selected-page show-details show-empty show-filter-button \
        sort-mode source-cell-range-addresses source-field-name source-name sql-statement start start-column \
        start-position start-row start-table status step steps structure-protected style-name tab-color tab-index \
        table table-background table-name target-cell-address target-range-address template-name title \
        track-changes type use-banding-columns-styles use-banding-rows-styles use-first-column-styles \
        use-first-row-styles use-labels use-last-column-styles use-last-row-styles use-regular-expressions \
        use-wildcards used-hierarchy user-name value value-type visibility",
    ),
    (
        Ns::Draw,
        "\
        align angle auto-grow-height auto-grow-width background-size blue border caption-angle caption-angle-type \
        caption-escape caption-escape-direction caption-fit-line-length caption-gap caption-id \
        caption-line-length caption-point-x caption-point-y caption-type chain-next-name class-names color \
        color-inversion color-mode concave concentric-gradient-fill-allowed contrast control copy-of \
        corner-radius corners cx cy data decimal-places display display-name distance dots1 dots1-length dots2 \
        dots2-length draw-aspect end end-angle end-color end-glue-point end-guide end-intensity \
        end-line-spacing-horizontal end-line-spacing-vertical end-shape engine enhanced-path escape-direction \
        extrusion extrusion-allowed extrusion-brightness extrusion-color extrusion-depth extrusion-diffusion \
        extrusion-first-light-direction extrusion-first-light-harsh extrusion-first-light-level \
        extrusion-light-face extrusion-metal extrusion-number-of-line-segments extrusion-origin \
        extrusion-rotation-angle extrusion-rotation-center extrusion-second-light-direction \
        extrusion-second-light-harsh extrusion-second-light-level extrusion-shininess extrusion-skew \
        extrusion-specularity extrusion-viewpoint fill fill-color fill-gradient-name fill-hatch-name \
        fill-hatch-solid fill-image-height fill-image-name fill-image-ref-point fill-image-ref-point-x \
        fill-image-ref-point-y fill-image-width fit-to-contour fit-to-size formula frame-display-border \
        frame-display-scrollbar frame-margin-horizontal frame-margin-vertical frame-name gamma \
        glue-point-leaving-directions glue-point-type glue-points gradient-step-count green guide-distance \
        guide-overhang handle-mirror-horizontal handle-mirror-vertical handle-polar handle-position \
        handle-radius-range-maximum handle-radius-range-minimum handle-range-x-maximum handle-range-x-minimum \
        handle-range-y-maximum handle-range-y-minimum handle-switched id image-opacity kind layer line-distance \
        line-skew luminance marker-end marker-end-center marker-end-width marker-start marker-start-center \
        marker-start-width master-page-name may-script measure-align measure-vertical-align mirror-horizontal \
        mirror-vertical modifiers name nav-order nohref object ole-draw-aspect opacity opacity-name page-number \
        parallel path-stretchpoint-x path-stretchpoint-y placing points protected recreate-on-edit red rotation \
        secondary-fill-color shadow shadow-color shadow-offset-x shadow-offset-y shadow-opacity shape-id \
        sharpness show-unit start start-angle start-color start-glue-point start-guide start-intensity \
        start-line-spacing-horizontal start-line-spacing-vertical start-shape stroke stroke-dash \
        stroke-dash-names stroke-linejoin style style-name symbol-color text-areas text-path text-path-allowed \
        text-path-mode text-path-same-letter-heights text-path-scale text-rotate-angle text-style-name \
        textarea-horizontal-align textarea-vertical-align tile-repeat-offset transform type unit value \
        visible-area-height visible-area-left visible-area-top visible-area-width wrap-influence-on-position \
        z-index",
    ),
    (
        Ns::Presentation,
        "\
        action animations background-objects-visible background-visible class class-names delay direction \
        display-date-time display-footer display-header display-page-number duration effect endless force-manual \
        full-screen group-id master-element mouse-as-pen mouse-visible name node-type object pages path-id pause \
        placeholder play-full presentation-page-layout-name preset-class preset-id preset-sub-type show \
        show-end-of-presentation-slide show-logo source speed start-page start-scale start-with-navigator \
        stay-on-top style-name transition-on-click transition-speed transition-style transition-type \
        use-date-time-name use-footer-name use-header-name user-transformed verb visibility",
    ),
    (
        Ns::Animation,
        "\
        audio-level color-interpolation color-interpolation-direction formula id iterate-interval iterate-type \
        name sub-item value",
    ),
    (
        Ns::Form,
        "\
        allow-deletes allow-inserts allow-updates apply-design-mode apply-filter auto-complete automatic-focus \
        bound-column button-type control-implementation convert-empty-to-null current-selected current-state \
        current-value default-button default-value delay-for-repeat disabled dropdown echo-char focus-on-click \
        for group-name id image-align image-position input-required is-tristate label linked-cell \
        list-linkage-type max-length max-value min-value multi-line multiple name navigation-mode orientation \
        page-step-size printable property-name readonly repeat scale-mode selected size source-cell-range \
        spin-button state step-size tab-cycle tab-index tab-stop text-style-name title toggle validation value \
        visual-effect",
    ),
    (
        Ns::Svg,
        "\
        accent-height alphabetic ascent bbox cap-height cx cy d descent fill-rule font-family font-size \
        font-stretch font-style font-variant font-weight fx fy gradientTransform gradientUnits hanging height \
        ideographic mathematical name offset origin overline-position overline-thickness panose-1 path r rx ry \
        slope spreadMethod stemh stemv stop-color stop-opacity strikethrough-position strikethrough-thickness \
        string stroke-color stroke-linecap stroke-opacity stroke-width type underline-position \
        underline-thickness unicode-range units-per-em v-alphabetic v-hanging v-ideographic v-mathematical \
        viewBox width widths x x-height x1 x2 y y1 y2",
    ),
    (
        Ns::Plain,
        "\
        accelerate accumulate additive ambient-color angle-offset attached-axis attributeName auto-position \
        auto-size autoReverse automatic-content automatic-order axis-label-position axis-position back-scale \
        backface-culling background-color begin border border-bottom border-left border-right border-top \
        break-after break-before break-inside by calcMode calendar center class clip close-back close-front color \
        column-count column-gap column-mapping connect-bars country data-label-number data-label-symbol \
        data-label-text data-source-has-labels decelerate decimal-places decimal-replacement deep \
        denominator-value depth diffuse-color dimension direction display-equation display-factor display-label \
        display-r-square distance dur edge-rounding edge-rounding-mode emissive-color enabled end end-angle \
        end-indent endsync error-category error-lower-indicator error-lower-limit error-lower-range error-margin \
        error-percentage error-upper-indicator error-upper-limit error-upper-range exponent-interval fadeColor \
        fill fillDefault focal-length font-family font-size font-style font-variant font-weight \
        forced-exponent-sign format-source from gap-width group-bars-per-axis grouping height hole-size \
        horizontal-segments hyphenate hyphenation-keep hyphenation-ladder-count hyphenation-push-char-count \
        hyphenation-remain-char-count include-hidden-cells interpolation interval-major interval-minor-divisor \
        japanese-candle-stick keep-together keep-with-next keySplines keyTimes label-arrangement \
        label-cell-address label-position label-position-negative language legend-align legend-position \
        letter-spacing lighting-mode line-height lines link-data-style-to-source logarithmic margin margin-bottom \
        margin-left margin-right margin-top max-denominator-value max-edge max-height max-numerator-digits \
        max-width maximum mean-value min-decimal-places min-denominator-digits min-edge min-exponent-digits \
        min-height min-integer-digits min-numerator-digits min-width minimum mode name normals-direction \
        normals-kind origin orphans overlap padding padding-bottom padding-left padding-right padding-top \
        page-height page-width percentage pie-offset position possessive-form projection \
        regression-force-intercept regression-max-degree regression-type repeatCount repeatDur repeated restart \
        restartDefault reverse-direction rfc-language-tag right-angled-axes row-mapping scale-text script \
        series-source shade-mode shadow shadow-slant shininess size solid-type sort-by-x-values space-after \
        space-before specular specular-color spline-order spline-resolution stacked start-indent style style-name \
        subtype symbol-height symbol-name symbol-type symbol-width targetElement text-align text-align-last \
        text-indent text-overlap text-shadow text-transform textual texture-filter texture-generation-mode-x \
        texture-generation-mode-y texture-kind texture-mode three-dimensional tick-mark-position \
        tick-marks-major-inner tick-marks-major-outer tick-marks-minor-inner tick-marks-minor-outer title to \
        transform transliteration-country transliteration-format transliteration-language transliteration-style \
        treat-empty-cells truncate-on-overflow type values values-cell-range-address vertical vertical-segments \
        visible vpn vrp vup widows width wrap-option zeros-denominator-digits zeros-numerator-digits",
    ),
    (
        Ns::Extension,
        "\
        alias allow-overlap apply-style-name autofit-scale axis-color axis-position background-image-transparency \
        base-cell-address blank-exponent-digits blank-width-char bounciness calculated cell-address \
        char-shading-value checkbox checked checked-state clear color color-axis color-first color-high \
        color-last color-low color-lum-mod color-lum-off color-markers color-negative color-series color-type \
        combobox condition contextual-spacing current-date custom-iconset custom-iconset-index \
        custom-iconset-name custom-leader-lines data-pilot-source data-range data-type date date-format \
        date-rfc-language-tag decorative delete-columns delete-rows density diagonal-bl-tr-width \
        diagonal-tl-br-width display display-details display-empty-cells-as display-hidden display-name \
        display-text display-x-axis dropdown enhanced-path exponent-interval exponent-lowercase \
        extrusion-metal-type extrusion-specularity-loext fill-character fill-color-lum-mod fill-color-lum-off \
        fill-theme-color fill-use-slide-background first footnote-continuation-notice-forward footnote-display \
        forced-exponent-sign formula glow-color glow-radius glow-transparency glue-point-leaving-direction \
        gradient header-grid-layout hidden high hyphenation-compound-remain-char-count hyphenation-keep-line \
        hyphenation-keep-type hyphenation-no-caps hyphenation-no-last-word hyphenation-word-char-count \
        hyphenation-zone icon-set-type id insert-columns insert-rows is-legal last layout-mode line-width \
        linked-style-name local-url lock low lum-mod lum-off major-origin manual-max manual-min margin-gutter \
        margin-left margin-right markers max-axis-type max-blank-integer-digits max-length max-numerator-digits \
        may-break-between-pages min-axis-type min-decimal-places min-length name negative negative-color \
        num-format-legal num-list-format offset opacity outline-content-visible overlay page-number-visible \
        paragraph-rsid parent-name picture plain-text positive-color protection-key-digest-algorithm-2 \
        regression-extrapolate-backward regression-extrapolate-forward rel-height-rel rel-width-rel \
        repeat-content repeat-item-labels resolved right-to-left rsid select-protected-cells \
        select-unprotected-cells shadow-blur show-drill-down-buttons show-value showing-place-holder \
        softedge-radius style sub-view-size summary-below tab-index tab-stop-distance tag target-range-address \
        target-type target-url text-changes-only text-indent text-justify theme-color theme-type title \
        transparency type unchecked-state use-autofilter use-pivot value value-type velocity-x velocity-y \
        vertical-justify vertical-rel word-wrap wrap-text-at-frame-start writing-mode writing-mode-automatic",
    ),
];

/// The names of a table, split.
fn names(table: &[(Ns, &'static str)]) -> HashSet<(Ns, &'static str)> {
    let each = |(ns, names): &(Ns, &'static str)| {
        let ns = *ns;
        names.split_ascii_whitespace().flat_map(move |name| [(ns, name), (Ns::Extension, name)])
    };
    table.iter().flat_map(each).collect()
}

static ALLOWED_ELEMENTS: LazyLock<HashSet<(Ns, &'static str)>> = LazyLock::new(|| names(ELEMENTS));
static ALLOWED_ATTRIBUTES: LazyLock<HashSet<(Ns, &'static str)>> = LazyLock::new(|| names(ATTRIBUTES));

/// Whether an element of this name may stay.
pub(super) fn element(ns: Ns, local: &str) -> bool {
    ALLOWED_ELEMENTS.contains(&(ns, local))
}

/// Whether an attribute of this name may stay.
pub(super) fn attribute(ns: Ns, local: &str) -> bool {
    ALLOWED_ATTRIBUTES.contains(&(ns, local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_by_their_namespace() {
        assert!(element(Ns::Text, "p") && element(Ns::Extension, "p") && element(Ns::Extension, "theme"));
        assert!(!element(Ns::Draw, "p") && !element(Ns::Text, "theme"));
        assert!(attribute(Ns::Plain, "font-size") && attribute(Ns::Extension, "opacity"));
        assert!(!attribute(Ns::Text, "font-size") && !attribute(Ns::Extension, "source-uri"));
    }

    #[test]
    fn what_verification_refuses_is_not_listed() {
        for ns in [Ns::Office, Ns::Text, Ns::Table, Ns::Draw, Ns::Presentation, Ns::Form, Ns::Extension] {
            for name in crate::odf::verify::ELEMENTS {
                assert!(!element(ns, name), "{name}");
            }
            for name in crate::odf::verify::ATTRIBUTES {
                assert!(!attribute(ns, name), "{name}");
            }
        }
    }
}
