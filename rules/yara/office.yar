// Macros in compound files (doc, xls, ppt). Macros alone are no finding: sluse removes them.

rule macro_that_downloads_and_runs
{
    meta:
        description = "A macro that starts by itself, fetches something and runs it"
        reference = "MITRE ATT&CK T1204.002"
    strings:
        $vba = "_VBA_PROJECT" wide
        $auto1 = "AutoOpen" nocase ascii wide
        $auto2 = "Auto_Open" nocase ascii wide
        $auto3 = "Document_Open" nocase ascii wide
        $auto4 = "Workbook_Open" nocase ascii wide
        $auto5 = "AutoExec" nocase ascii wide
        $auto6 = "Document_Close" nocase ascii wide
        $fetch1 = "URLDownloadToFile" nocase ascii wide
        $fetch2 = "MSXML2.XMLHTTP" nocase ascii wide
        $fetch3 = "MSXML2.ServerXMLHTTP" nocase ascii wide
        $fetch4 = "Microsoft.XMLHTTP" nocase ascii wide
        $fetch5 = "WinHttp.WinHttpRequest" nocase ascii wide
        $fetch6 = "Net.WebClient" nocase ascii wide
        $run1 = "WScript.Shell" nocase ascii wide
        $run2 = "Shell.Application" nocase ascii wide
        $run3 = "powershell" nocase ascii wide
        $run4 = "cmd.exe" nocase ascii wide
        $run5 = "mshta" nocase ascii wide
        $run6 = "rundll32" nocase ascii wide
        $run7 = "regsvr32" nocase ascii wide
        $run8 = "ShellExecute" nocase ascii wide
    condition:
        uint32be(0) == 0xD0CF11E0 and $vba and any of ($auto*) and any of ($fetch*) and any of ($run*)
}

rule dde_that_runs_commands
{
    meta:
        description = "A document field or cell that starts a command interpreter by DDE"
        reference = "MITRE ATT&CK T1559.002"
    strings:
        $field = /\bDDE(AUTO)?\s{1,8}("[^"\r\n]{0,80}|[^\s"']{0,80})(cmd(\.exe)?|powershell|mshta|rundll32|regsvr32)\b/ nocase
        $cell = /[=+\-@](cmd|powershell|mshta|rundll32|regsvr32|msexcel)\|["' ]{0,3}\/[^\r\n]{1,200}!/ nocase
    condition:
        // A CSV or RTF file, a compound file, or a part of an Office document that stands alone.
        any of them and filesize < 64MB
}
