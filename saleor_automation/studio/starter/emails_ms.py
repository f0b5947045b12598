"""The starter emails in Malay, written as a Malaysian shop would write them."""

from __future__ import annotations

from .content import DIVIDER, EmailText, button, heading, items, text

HELLO = '<p>Hai {{ contact.first_name | default: "kawan" }},</p>'
SHOP = "{{ shop.url }}"
BASKET = "{{ basket.url }}"

EMAILS: dict[str, EmailText] = {
    "confirm-subscription": EmailText(
        title="Pengesahan: mahukan e-mel kami?",
        subject="Sila sahkan: e-mel daripada {{ shop.name }}",
        preheader="Tekan satu butang sahaja, dan langganan anda bermula.",
        body=(
            heading("Mahukan e-mel kami?"),
            text(
                HELLO + "<p>Seseorang, mungkin anda, meminta {{ shop.name }} menghantar e-mel ke "
                "alamat ini. Tekan butang di bawah untuk mula melanggan. Pautan ini sah selama "
                "tujuh hari.</p><p>Bukan anda? Abaikan sahaja: tiada berita akan dihantar.</p>"
            ),
            button("Ya, hantarkan e-mel", "{{ subscription.confirm_url }}"),
        ),
    ),
    "welcome-hello": EmailText(
        title="Selamat datang 1: Salam perkenalan",
        subject="Selamat datang ke {{ shop.name }}",
        preheader="Akaun anda sudah sedia. Ini kegunaannya.",
        body=(
            heading("Gembira anda bersama kami"),
            text(
                HELLO + "<p>Akaun anda di {{ shop.name }} sudah sedia. Alamat anda tersimpan dan "
                "semua pesanan ada di satu tempat, jadi pembelian seterusnya cuma mengambil "
                "masa seminit.</p><p>Dalam dua minggu ini kami akan hantar empat lagi e-mel "
                "pendek: cara membuat pesanan, dari mana hendak bermula, dan cara menghubungi "
                "kami. Selepas itu, kami hanya menulis kalau ada perkara yang berbaloi untuk "
                "dikongsi.</p>"
            ),
            button("Jom tengok-tengok", SHOP),
        ),
    ),
    "welcome-good-to-know": EmailText(
        title="Selamat datang 2: Elok tahu dahulu",
        subject="Sebelum pesanan pertama: tiga perkara",
        preheader="Penghantaran, tukar fikiran, dan kalau ada yang tidak kena.",
        body=(
            heading("Tiga soalan yang paling kerap ditanya"),
            text(
                HELLO + "<p><b>Berapa kos penghantaran?</b> Harganya tertera di halaman "
                "pembayaran, sebelum anda membayar. Tengok dahulu pun boleh.</p><p><b>Boleh tukar "
                "fikiran selepas memesan?</b> Boleh. Balas e-mel pengesahan pesanan secepat "
                "mungkin. Selagi bungkusan belum keluar, alamat atau isi pesanan masih boleh "
                "diubah.</p><p><b>Bagaimana kalau barang tidak kena?</b> Tulis kepada kami, "
                "sertakan nombor pesanan dan sekeping gambar. Ada orang yang akan membaca dan "
                "membalasnya.</p>"
            ),
            button("Ke kedai", SHOP),
        ),
    ),
    "welcome-where-to-start": EmailText(
        title="Selamat datang 3: Mula dari mana",
        subject="Tak pasti hendak mula dari mana?",
        preheader="Panduan ringkas mengenali kedai kami.",
        body=(
            heading("Cara mudah mengenali kedai kami"),
            text(
                HELLO + "<p>Kedai yang belum biasa memang terasa banyak sangat pilihannya. "
                "Kalau kami di tempat anda, begini caranya:</p><ol><li><b>Mulakan dengan satu "
                "barang yang memang perlu.</b> Anda boleh tengok cara kami membungkus dan "
                "betapa cepat ia sampai, tanpa berbelanja banyak.</li><li><b>Baca keterangan "
                "sampai habis.</b> Saiz, bahan dan cara jaga ada di bawah. Tak payahlah "
                "pulangkan barang nanti.</li><li><b>Masukkan yang anda suka ke dalam "
                "troli.</b> Ia tetap di situ sementara anda berfikir.</li></ol>"
            ),
            button("Cari barang pertama anda", SHOP),
        ),
    ),
    "welcome-questions": EmailText(
        title="Selamat datang 4: Ada soalan?",
        subject="Boleh kami tolong pilihkan?",
        preheader="Beritahu kami apa yang anda cari. Ada orang yang akan membalas.",
        body=(
            heading("Apa yang anda cari?"),
            text(
                HELLO
                + "<p>Kalau sudah puas melihat tetapi belum jumpa yang sesuai, beritahu kami. "
                "Balas sahaja e-mel ini, sebaris dua pun cukup: untuk kegunaan apa, saiz apa, "
                "dan bajet anda.</p><p>Orang kami yang arif tentang barang di kedai akan "
                "membaca dan mencadangkan apa yang dia sendiri akan beli. Kalau tiada, kami "
                "akan berterus terang.</p>"
            ),
            button("Teruskan mencari", SHOP),
        ),
    ),
    "welcome-last-one": EmailText(
        title="Selamat datang 5: Yang terakhir",
        subject='Sekian dahulu, {{ contact.first_name | default: "terima kasih" }}',
        preheader="E-mel aluan kami yang terakhir. Akaun anda kekal dibuka.",
        body=(
            heading("Ini e-mel aluan kami yang terakhir"),
            text(
                HELLO
                + "<p>Dua minggu lalu anda membuka akaun dengan kami, dan sejak itu sudah lima "
                "kali kami menulis. Cukuplah kita berkenalan.</p><p>Akaun anda kekal seperti "
                "biasa, lengkap dengan alamat dan pesanan anda. Bila perlukan sesuatu, kami "
                "sentiasa di sini.</p><p>Terima kasih kerana sudi mencuba.<br/>Kami semua di "
                "{{ shop.name }}</p>"
            ),
            button("Tengok apa yang ada hari ini", SHOP),
        ),
    ),
    "basket-still-here": EmailText(
        title="Troli 1: Masih ada",
        subject="Troli anda masih ada",
        preheader="Semuanya kami simpan seperti tadi.",
        body=(
            heading("Troli anda kami simpankan"),
            text(
                HELLO
                + "<p>Tadi anda hampir membuat pesanan, kemudian mungkin ada hal lain. Jangan "
                "risau, tiada yang hilang. Ini pilihan anda:</p>"
            ),
            items("basket"),
            button("Kembali ke troli", BASKET),
            text(
                "<p>Barang ini belum ditempah untuk sesiapa. Kalau stoknya tinggal sedikit, "
                "lebih cepat lebih baik.</p>"
            ),
        ),
    ),
    "basket-any-trouble": EmailText(
        title="Troli 2: Ada masalah?",
        subject="Ada masalah semasa hendak membayar?",
        preheader="Kalau silapnya di pihak kami, beritahu supaya kami boleh betulkan.",
        body=(
            heading("Ada yang tidak kena di pihak kami?"),
            text(
                HELLO + "<p>Semalam anda berhenti sebelum membayar. Selalunya kerana sibuk "
                "sahaja. Tetapi kadang-kadang sebabnya ini:</p><ul><li><b>Bayaran tidak "
                "lepas.</b> Cuba sekali lagi atau pilih cara bayaran lain.</li><li><b>Kurang "
                "pasti tentang saiz atau warna.</b> Balas e-mel ini dan tanya. Kami akan "
                "jawab.</li><li><b>Alamat tidak muat dalam borang.</b> Hantar alamat itu "
                "kepada kami, nanti kami uruskan.</li></ul>"
            ),
            items("basket"),
            button("Selesaikan pesanan", BASKET),
        ),
    ),
    "basket-last-reminder": EmailText(
        title="Troli 3: Peringatan terakhir",
        subject="Peringatan terakhir tentang troli anda",
        preheader="Selepas ini kami tidak akan ingatkan lagi.",
        body=(
            heading("Masih berfikir-fikir?"),
            text(
                HELLO + "<p>Tak mengapa. Ini kali terakhir kami menulis tentang troli "
                "ini.</p><p>Kalau masih berminat, satu klik sahaja. Kalau tidak, anda tak "
                "perlu buat apa-apa.</p>"
            ),
            items("basket"),
            button("Buka troli", BASKET),
        ),
    ),
    "order-on-its-way": EmailText(
        title="Pesanan 1: Dalam perjalanan",
        subject="Bungkusan anda sudah dihantar (pesanan {{ order.number }})",
        preheader="Apa isinya, dan cara menjejakinya.",
        body=(
            heading("Sedang dalam perjalanan kepada anda"),
            text(
                HELLO
                + "<p>Semalam bungkusan anda sudah kami serahkan kepada syarikat penghantaran. "
                "Ini pesanan anda:</p>"
            ),
            items("order"),
            text(
                '<p>{% if order.tracking_number != "" %}'
                "Nombor penjejakan anda ialah <b>{{ order.tracking_number }}</b>. Imbasan "
                "pertama mungkin mengambil masa sehari untuk dipaparkan.{% else %}Bungkusan "
                "ini dihantar tanpa nombor penjejakan. Beri tempoh beberapa hari bekerja.{% "
                "endif %}</p><p>Bila sampai, buka segera dan pastikan semuanya lengkap. Kalau "
                "ada yang kurang atau rosak, ambil gambar dan balas e-mel ini.</p>"
            ),
            button("Ke kedai", SHOP),
        ),
    ),
    "order-how-is-it": EmailText(
        title="Pesanan 2: Bagaimana?",
        subject="Pesanan anda okey semuanya?",
        preheader="Sudah seminggu. Beritahu kami kalau ada yang tidak kena.",
        body=(
            heading("Bagaimana setakat ini?"),
            text(
                HELLO
                + "<p>Pesanan {{ order.number }} dihantar seminggu lalu, jadi mungkin sekarang "
                "sudah pun digunakan.</p><p><b>Semua okey?</b> Syukurlah. Tak perlu buat "
                "apa-apa, selamat menggunakannya.</p><p><b>Ada yang tak kena?</b> Salah saiz, "
                "rosak, atau belum sampai? Balas e-mel ini, sertakan gambar kalau boleh. Lagi "
                "cepat kami tahu, lagi mudah kami bantu.</p>"
            ),
            items("order"),
            button("Ke kedai", SHOP),
        ),
    ),
    "order-your-opinion": EmailText(
        title="Pesanan 3: Pendapat anda",
        subject="Apa yang anda akan cerita kepada kawan?",
        preheader="Dua ayat sudah memadai. Teguran pun kami alu-alukan.",
        body=(
            heading("Apa yang anda akan cerita kepada kawan?"),
            text(
                HELLO
                + "<p>Sudah kira-kira tiga minggu pesanan anda bersama anda. Cukup lama untuk "
                "tahu perkara yang tidak nampak dalam gambar.</p>"
            ),
            items("order"),
            text(
                "<p>Sudi tulis dua ayat tentangnya? Untuk apa anda gunakan, apa yang anda "
                "suka, apa yang boleh diperbaiki. Balas sahaja e-mel ini, ia terus sampai "
                "kepada orang yang memilih dan membungkus barang kami. Teguran sama "
                "berharganya dengan pujian.</p>"
            ),
            button("Kembali ke kedai", SHOP),
            DIVIDER,
            text("<p>Terima kasih kerana membeli di {{ shop.name }}.</p>"),
        ),
    ),
}
