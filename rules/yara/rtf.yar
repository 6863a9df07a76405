// RTF that attacks Word. Rebuilding leaves objects behind anyway; these files are not citizens' letters.

rule rtf_equation_editor_object
{
    meta:
        description = "RTF with an Equation Editor object that Word opens by itself or under a broken header"
        reference = "CVE-2017-11882, CVE-2018-0802"
    strings:
        $header = "{\\rtf1" nocase
        $objdata = "\\objdata" nocase
        $update = "\\objupdate" nocase
        // "Equation.3" and the object's class identifier, in hexadecimal digits.
        $name = "4571756174696f6e2e33" nocase
        $class = "02ce020000000000c000000000000046" nocase
    condition:
        uint32be(0) == 0x7B5C7274 and $objdata and ($name or $class) and ($update or not $header at 0)
}

rule rtf_link_that_loads_itself
{
    meta:
        description = "RTF with a linked object that fetches its content from a URL when the document opens"
        reference = "CVE-2017-0199, CVE-2017-8570"
    strings:
        $update = "\\objupdate" nocase
        $link = "\\objautlink" nocase
        // The class identifiers of the URL, script and composite monikers, in hexadecimal digits.
        $url = "e0c9ea79f9bace118c8200aa004ba90b" nocase
        $script = "c6afabec197fd211978e0000f8757e2a" nocase
        $composite = "0903000000000000c000000000000046" nocase
    condition:
        uint32be(0) == 0x7B5C7274 and ($update or $link) and any of ($url, $script, $composite)
}

rule rtf_object_under_a_broken_header
{
    meta:
        description = "RTF whose header is cut so that scanners take it for something else, with an object in it"
    strings:
        $header = "{\\rtf" nocase
        $objdata = /\\obj(data|update|class|emb)/ nocase
    condition:
        uint32be(0) == 0x7B5C7274 and not $header at 0 and $objdata
}
