"""Documents as citizens and attackers send them, made here."""
import io
import zipfile


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def docm(marker):
    package, office = "http://schemas.openxmlformats.org/package/2006", "http://schemas.openxmlformats.org/officeDocument/2006"
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    return zipped([
        ("[Content_Types].xml", f'{head}<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
         '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="bin" ContentType='
         '"application/vnd.ms-office.vbaProject"/><Override PartName="/word/document.xml" ContentType='
         '"application/vnd.ms-word.document.macroEnabled.main+xml"/></Types>'),
        ("_rels/.rels", f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
         f'Type="{office}/relationships/officeDocument" Target="word/document.xml"/></Relationships>'),
        ("word/document.xml", f'{head}<w:document xmlns:w="{word}"><w:body>'
         + f"<w:p><w:r><w:t>{marker}</w:t></w:r></w:p>" * 40 + "</w:body></w:document>"),
        ("word/_rels/document.xml.rels", f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
         'Type="http://schemas.microsoft.com/office/2006/relationships/vbaProject" Target="vbaProject.bin"/></Relationships>'),
        ("word/vbaProject.bin", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1Sub AutoOpen()\r\n  Shell \"calc.exe\"\r\nEnd Sub\r\n"),
    ])


def pdf(marker):
    text = f"BT /F1 12 Tf 72 720 Td ({marker}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\('hello'\\);) >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start


def encrypted_zip():
    """One stored member with bit 0 of its flags set (APPNOTE 4.4.4) and twelve bytes of encryption header."""
    content, archive = bytes(range(12)) + b"nobody knows what this is", io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("contract.txt", content)
    raw = bytearray(archive.getvalue())
    for signature, flags in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)]:
        raw[raw.index(signature) + flags] |= 1
    return bytes(raw)
