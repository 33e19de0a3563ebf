/* regex_property - what \p{…} may name, and which of ASCII has it.
 *
 * The names are those that ECMAScript 2025 admits, as Unicode 17 has them: exact, no loose
 * matching. Subjects are ASCII, so of what has a property only ASCII counts, and U+017F and
 * U+212A, which fold to `s` and `k`. Names of the same set stand in one row, each between
 * blanks. The tables were read out of a browser, and tests/system/test_urlpattern.py compares
 * them with its own. */

#include "topic/regex_property.h"

#include <string.h>

struct row {
    struct regex_chars chars;
    const char *names;
};

static const struct row binary[] = {
    {{0x3ff000000000000, 0x7e0000007e, 0}, " AHex ASCII_Hex_Digit Hex Hex_Digit "},
    {{0xffffffffffffffff, 0xffffffffffffffff, 0}, " ASCII "},
    {{0x0, 0x7fffffe07fffffe, 3},
     " Alpha Alphabetic CWCM Cased Changes_When_Casemapped IDS ID_Start XIDS "
     "XID_Start "},
    {{0xffffffffffffffff, 0xffffffffffffffff, 3}, " Any Assigned "},
    {{0x0, 0x0, 0},
     " Bidi_C Bidi_Control DI Default_Ignorable_Code_Point Dep Deprecated EBase "
     "EMod EPres Emoji_Modifier Emoji_Modifier_Base Emoji_Presentation Ext ExtPict "
     "Extended_Pictographic Extender Gr_Ext Grapheme_Extend IDSB IDST "
     "IDS_Binary_Operator IDS_Trinary_Operator Ideo Ideographic Join_C Join_Control "
     "LOE Logical_Order_Exception NChar Noncharacter_Code_Point RI Radical "
     "Regional_Indicator UIdeo Unified_Ideograph VS Variation_Selector "},
    {{0x5000030000000000, 0x2800000028000000, 0}, " Bidi_M Bidi_Mirrored "},
    {{0x400408000000000, 0x140000000, 0}, " CI Case_Ignorable "},
    {{0x0, 0x7fffffe, 3}, " CWCF CWKCF Changes_When_Casefolded Changes_When_NFKC_Casefolded "},
    {{0x0, 0x7fffffe, 2}, " CWL Changes_When_Lowercased Upper Uppercase "},
    {{0x0, 0x7fffffe00000000, 1},
     " CWT CWU Changes_When_Titlecased Changes_When_Uppercased Lower Lowercase "},
    {{0x200000000000, 0x0, 0}, " Dash "},
    {{0x0, 0x140000000, 0}, " Dia Diacritic "},
    {{0x3ff040800000000, 0x0, 0}, " EComp Emoji Emoji_Component "},
    {{0xffffffff00000000, 0x7fffffffffffffff, 3}, " Gr_Base Grapheme_Base "},
    {{0x3ff000000000000, 0x7fffffe87fffffe, 3}, " IDC ID_Continue XIDC XID_Continue "},
    {{0x7000080000000000, 0x5000000040000000, 0}, " Math "},
    {{0xfc00fffe00000000, 0x7800000178000001, 0}, " Pat_Syn Pattern_Syntax "},
    {{0x100003e00, 0x0, 0}, " Pat_WS Pattern_White_Space WSpace White_Space space "},
    {{0x8400000000, 0x0, 0}, " QMark Quotation_Mark "},
    {{0x0, 0x60000000000, 0}, " SD Soft_Dotted "},
    {{0x8000400200000000, 0x0, 0}, " STerm Sentence_Terminal "},
    {{0x8c00500200000000, 0x0, 0}, " Term Terminal_Punctuation "},
};

static const struct row general_category[] = {
    {{0xffffffff, 0x8000000000000000, 0}, " C Cc Control Other cntrl "},
    {{0x0, 0x7fffffe07fffffe, 3}, " Cased_Letter L LC Letter "},
    {{0x0, 0x0, 0},
     " Cf Cn Co Combining_Mark Cs Enclosing_Mark Final_Punctuation Format "
     "Initial_Punctuation Letter_Number Line_Separator Lm Lo Lt M Mark Mc Me Mn "
     "Modifier_Letter Nl No Nonspacing_Mark Other_Letter Other_Number Other_Symbol "
     "Paragraph_Separator Pf Pi Private_Use So Spacing_Mark Surrogate "
     "Titlecase_Letter Unassigned Zl Zp "},
    {{0x20000000000, 0x2000000020000000, 0}, " Close_Punctuation Pe "},
    {{0x0, 0x80000000, 0}, " Connector_Punctuation Pc "},
    {{0x1000000000, 0x0, 0}, " Currency_Symbol Sc "},
    {{0x200000000000, 0x0, 0}, " Dash_Punctuation Pd "},
    {{0x3ff000000000000, 0x0, 0}, " Decimal_Number N Nd Number digit "},
    {{0x0, 0x7fffffe00000000, 1}, " Ll Lowercase_Letter "},
    {{0x0, 0x7fffffe, 2}, " Lu Uppercase_Letter "},
    {{0x7000080000000000, 0x5000000000000000, 0}, " Math_Symbol Sm "},
    {{0x0, 0x140000000, 0}, " Modifier_Symbol Sk "},
    {{0x10000000000, 0x800000008000000, 0}, " Open_Punctuation Ps "},
    {{0x8c00d4ee00000000, 0x10000001, 0}, " Other_Punctuation Po "},
    {{0x8c00f7ee00000000, 0x28000000b8000001, 0}, " P Punctuation punct "},
    {{0x7000081000000000, 0x5000000140000000, 0}, " S Symbol "},
    {{0x100000000, 0x0, 0}, " Separator Space_Separator Z Zs "},
};

static const struct row script[] = {
    {{0x0, 0x0, 0},
     " Adlam Adlm Aghb Ahom Anatolian_Hieroglyphs Arab Arabic Armenian Armi Armn "
     "Avestan Avst Bali Balinese Bamu Bamum Bass Bassa_Vah Batak Batk Beng Bengali "
     "Berf Beria_Erfe Bhaiksuki Bhks Bopo Bopomofo Brah Brahmi Brai Braille Bugi "
     "Buginese Buhd Buhid Cakm Canadian_Aboriginal Cans Cari Carian "
     "Caucasian_Albanian Chakma Cham Cher Cherokee Chorasmian Chrs Copt Coptic Cpmn "
     "Cprt Cuneiform Cypriot Cypro_Minoan Cyrillic Cyrl Deseret Deva Devanagari "
     "Diak Dives_Akuru Dogr Dogra Dsrt Dupl Duployan Egyp Egyptian_Hieroglyphs Elba "
     "Elbasan Elym Elymaic Ethi Ethiopic Gara Garay Geor Georgian Glag Glagolitic "
     "Gong Gonm Goth Gothic Gran Grantha Greek Grek Gujarati Gujr Gukh "
     "Gunjala_Gondi Gurmukhi Guru Gurung_Khema Han Hang Hangul Hani Hanifi_Rohingya "
     "Hano Hanunoo Hatr Hatran Hebr Hebrew Hira Hiragana Hluw Hmng Hmnp Hung "
     "Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Ital "
     "Java Javanese Kaithi Kali Kana Kannada Katakana Kawi Kayah_Li Khar Kharoshthi "
     "Khitan_Small_Script Khmer Khmr Khoj Khojki Khudawadi Kirat_Rai Kits Knda Krai "
     "Kthi Lana Lao Laoo Lepc Lepcha Limb Limbu Lina Linb Linear_A Linear_B Lisu "
     "Lyci Lycian Lydi Lydian Mahajani Mahj Maka Makasar Malayalam Mand Mandaic "
     "Mani Manichaean Marc Marchen Masaram_Gondi Medefaidrin Medf Meetei_Mayek Mend "
     "Mende_Kikakui Merc Mero Meroitic_Cursive Meroitic_Hieroglyphs Miao Mlym Modi "
     "Mong Mongolian Mro Mroo Mtei Mult Multani Myanmar Mymr Nabataean Nag_Mundari "
     "Nagm Nand Nandinagari Narb Nbat New_Tai_Lue Newa Nko Nkoo Nshu Nushu "
     "Nyiakeng_Puachue_Hmong Ogam Ogham Ol_Chiki Ol_Onal Olck Old_Hungarian "
     "Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian "
     "Old_South_Arabian Old_Turkic Old_Uyghur Onao Oriya Orkh Orya Osage Osge Osma "
     "Osmanya Ougr Pahawh_Hmong Palm Palmyrene Pau_Cin_Hau Pauc Perm Phag Phags_Pa "
     "Phli Phlp Phnx Phoenician Plrd Prti Psalter_Pahlavi Qaac Qaai Rejang Rjng "
     "Rohg Runic Runr Samaritan Samr Sarb Saur Saurashtra Sgnw Sharada Shavian Shaw "
     "Shrd Sidd Siddham Sidetic Sidt SignWriting Sind Sinh Sinhala Sogd Sogdian "
     "Sogo Sora Sora_Sompeng Soyo Soyombo Sund Sundanese Sunu Sunuwar Sylo "
     "Syloti_Nagri Syrc Syriac Tagalog Tagb Tagbanwa Tai_Le Tai_Tham Tai_Viet "
     "Tai_Yo Takr Takri Tale Talu Tamil Taml Tang Tangsa Tangut Tavt Tayo Telu "
     "Telugu Tfng Tglg Thaa Thaana Thai Tibetan Tibt Tifinagh Tirh Tirhuta Tnsa "
     "Todhri Todr Tolong_Siki Tols Toto Tulu_Tigalari Tutg Ugar Ugaritic Unknown "
     "Vai Vaii Vith Vithkuqi Wancho Wara Warang_Citi Wcho Xpeo Xsux Yezi Yezidi Yi "
     "Yiii Zanabazar_Square Zanb Zinh Zzzz "},
    {{0xffffffffffffffff, 0xf8000001f8000001, 0}, " Common Zyyy "},
    {{0x0, 0x7fffffe07fffffe, 3}, " Latin Latn "},
};

static const char of_strings[] =
    " Basic_Emoji Emoji_Keycap_Sequence RGI_Emoji RGI_Emoji_Flag_Sequence "
    "RGI_Emoji_Modifier_Sequence RGI_Emoji_Tag_Sequence RGI_Emoji_ZWJ_Sequence ";

/* The row that has `name`, or NULL. */
static const struct row *
find(const struct row *rows, size_t count, struct slice name)
{
    char word[64];
    if (name.len == 0 || name.len > sizeof word - 3)
        return NULL;
    word[0] = ' ';
    memcpy(word + 1, name.ptr, name.len);
    memcpy(word + 1 + name.len, " ", 2);
    for (size_t i = 0; i < count; i++)
        if (strstr(rows[i].names, word))
            return &rows[i];
    return NULL;
}

static bool
is_one_of(struct slice name, const char *a, const char *b)
{
    return slice_eq(name, slice_of(a)) || slice_eq(name, slice_of(b));
}

bool
regex_property_find(struct slice name, struct slice value, bool has_value,
                    struct regex_chars *ret_chars, bool *ret_of_strings)
{
    const struct row *row = NULL;
    *ret_of_strings = false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == 0 || name.ptr[i] == ' ')
            return false;
    if (!has_value) {
        const struct row strings = {{0, 0, 0}, of_strings};
        row = find(general_category, COUNT_OF(general_category), name);
        if (row == NULL)
            row = find(binary, COUNT_OF(binary), name);
        if (row == NULL && find(&strings, 1, name)) {
            *ret_of_strings = true;
            *ret_chars = strings.chars;
            return true;
        }
    } else if (is_one_of(name, "General_Category", "gc")) {
        row = find(general_category, COUNT_OF(general_category), value);
    } else if (is_one_of(name, "Script", "sc") || is_one_of(name, "Script_Extensions", "scx")) {
        row = find(script, COUNT_OF(script), value);
    }
    if (row)
        *ret_chars = row->chars;
    return row != NULL;
}
