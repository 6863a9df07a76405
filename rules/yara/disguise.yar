// Programs hidden in files that claim to be documents or pictures.

rule program_in_document
{
    meta:
        description = "A Windows program inside a document or picture"
    strings:
        // The text at offset 0x4E of the programs that every usual linker writes.
        $stub = "This program cannot be run in DOS mode"
    condition:
        (
            uint32be(0) == 0xD0CF11E0      // compound file: doc, xls, ppt, msg
            or uint32be(0) == 0x25504446   // PDF
            or uint32be(0) == 0x7B5C7274   // RTF
            or uint32be(0) == 0x89504E47   // PNG
            or uint32be(0) == 0x47494638   // GIF
            or uint16be(0) == 0xFFD8       // JPEG
        )
        and for any i in (1..#stub) : (
            @stub[i] >= 0x4E
            and uint16be(@stub[i] - 0x4E) == 0x4D5A
            and uint32be(@stub[i] - 0x4E + uint32(@stub[i] - 0x4E + 0x3C)) == 0x50450000
        )
}

rule shortcut_that_runs_commands
{
    meta:
        description = "A Windows shortcut that starts a command interpreter"
        reference = "MS-SHLLINK 2.1"
    strings:
        $powershell = "powershell" nocase ascii wide
        $cmd = "cmd.exe" nocase ascii wide
        $mshta = "mshta" nocase ascii wide
        $wscript = "wscript" nocase ascii wide
        $cscript = "cscript" nocase ascii wide
        $rundll = "rundll32" nocase ascii wide
        $regsvr = "regsvr32" nocase ascii wide
    condition:
        uint32be(0) == 0x4C000000 and uint32be(4) == 0x01140200 and uint32be(16) == 0x00000046 and any of them
}

rule page_that_assembles_a_program
{
    meta:
        description = "HTML or SVG with a script that builds a file from Base64 and offers it (HTML smuggling)"
        reference = "MITRE ATT&CK T1027.006"
    strings:
        $page = /<(html|head|body|script|svg)[\s>]/ nocase
        $decode = "atob(" nocase
        $offer1 = "createObjectURL" nocase
        $offer2 = "msSaveOrOpenBlob" nocase
        // The start of a program, a ZIP file and a disk image in Base64.
        $program = "TVqQAAMAAAAEAAAA"
        $zip = "UEsDB"
    condition:
        $page in (0..4096) and $decode and any of ($offer*) and ($program or $zip)
}
