// PDF actions that run something. Rebuilding leaves actions behind anyway; these files mean harm.

rule pdf_launches_a_command
{
    meta:
        description = "PDF with a Launch action on a command interpreter"
        reference = "ISO 32000-2, 12.6.4.6; CVE-2010-1240"
    strings:
        $pdf = "%PDF-"
        $launch = /\/S\s{0,8}\/Launch\b[^\x00]{0,400}\b(cmd|powershell|mshta|wscript|cscript|rundll32|regsvr32)(\.exe)?\b/ nocase
        $params = /\/Win\s{0,8}<<[^>]{0,300}\/F\s{0,8}\(\s{0,8}(cmd|powershell|mshta|wscript|cscript|rundll32|regsvr32)/ nocase
    condition:
        $pdf in (0..1024) and ($launch or $params)
}

rule pdf_opens_its_attachment
{
    meta:
        description = "PDF with a script that saves an attached file and opens it"
        reference = "Acrobat JavaScript API, Doc.exportDataObject"
    strings:
        $pdf = "%PDF-"
        $export = /exportDataObject\s{0,8}\(\s{0,8}\{[^}]{0,200}nLaunch\s{0,8}:\s{0,8}[12]/ nocase
    condition:
        $pdf in (0..1024) and $export
}
