/* What `alipes history` says of a history with a store beside it. */

#include "cli/dump.h"

#include "cli/command_line.h"
#include "cli/restore.h"
#include "unit/guard.h"
#include "unit/transport/disk/beside.h"

/* Published and begun by turns, several segments of each, and what is hidden. */
static void
make_both(const struct store_settings *s)
{
    struct error err;
    struct pair p = pair_open(s, s, NULL);
    pair_commit(&p, "p1", UPDATE_PUBLISHED, 3);
    pair_commit(&p, "b2", UPDATE_BEGIN, 3);
    pair_carry(&p, "b2", 3);
    ck_assert(writer_seal(&p.beside->writer, &err));
    pair_commit(&p, "b4", UPDATE_BEGIN, 3);
    pair_commit(&p, "p5", UPDATE_PUBLISHED, 3);
    ck_assert(writer_seal(&p.history->writer, &err));
    pair_commit(&p, "e6", UPDATE_END, 3);
    pair_commit(&p, "p7", UPDATE_PUBLISHED, 3);
    ck_assert(writer_stop(&p.beside->writer, p.next, &err));
    pair_close(&p);
    p = pair_open(s, s, NULL);
    pair_commit(&p, "b1", UPDATE_BEGIN, 3);
    pair_close(&p);
}

static char *
dump(enum dump_end want)
{
    struct error err = {""};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    ck_assert_int_eq(dump_history(history_path, NULL, out, &err), want);
    fclose(out);
    return text;
}

static unsigned
lines_of(const char *text)
{
    unsigned n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* Each stands behind the one before. */
static void
in_order(const char *text, const char *const *parts, size_t count)
{
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        at = strstr(at, parts[i]);
        ck_assert_msg(at != NULL, "%s is not where it should be in\n%s", parts[i], text);
    }
}

START_TEST(begins_and_ends_are_dumped_in_their_place_and_marked)
{
    static const char *const order[] = {
        "{\"position\":\"1-1\",", "\"id\":\"p1\"",
        "{\"position\":\"1-2\",", "\"subscription\":\"begin\",\"dialect\":\"1.0\"",
        "{\"position\":\"1-4\",", "\"subscription\":\"begin\"",
        "{\"position\":\"1-5\",", "\"id\":\"p5\"",
        "{\"position\":\"1-6\",", "\"subscription\":\"end\",\"dialect\":\"1.0\"",
        "{\"position\":\"1-7\",", "\"id\":\"p7\"",
        "{\"position\":\"2-1\",", "\"subscription\":\"begin\""};
    const struct store_settings s = history_settings();
    make_both(&s);
    char *text = dump(DUMP_DONE);
    in_order(text, order, COUNT_OF(order));
    ck_assert_uint_eq(lines_of(text), 7);
    ck_assert_ptr_null(strstr(text, "\"lost\""));
    free(text);
    history_remove();
}
END_TEST

START_TEST(what_lies_before_damage_beside_is_dumped_as_lost)
{
    const struct store_settings s = history_settings();
    char path[160];
    make_both(&s);
    snprintf(path, sizeof path, "%s/subscriptions/%016x-%016x.log", history_path, 1, 1);
    history_flip(path, SEGMENT_HEADER + 60); /* of b2, and the carried one behind it is well */
    char *text = dump(DUMP_DONE);
    ck_assert_uint_eq(lines_of(text), 6);
    ck_assert_ptr_null(strstr(text, "\"lost\""));
    free(text);
    history_flip(path, 100);
    text = dump(DUMP_FAILED);
    ck_assert_uint_eq(lines_of(text), 6);
    free(text);
    history_remove();
}
END_TEST

static FILE *
input(char *text)
{
    FILE *in = fmemopen(text, strlen(text), "r");
    ck_assert_ptr_nonnull(in);
    return in;
}

START_TEST(begins_and_ends_are_not_restored)
{
    struct store_settings s = history_settings();
    struct restored r;
    struct error err = {""};
    make_both(&s);
    char *text = dump(DUMP_DONE);
    FILE *in = input(text);
    ck_assert(!restore_from(in, &s, &r, &err)); /* it is not empty */
    fclose(in);
    history_remove();
    s = history_settings();
    in = input(text);
    ck_assert_msg(restore_from(in, &s, &r, &err), "%s", err.text);
    fclose(in);
    ck_assert_uint_eq(r.updates, 3);
    ck_assert_uint_eq(r.begins_and_ends, 4);
    ck_assert_uint_eq(r.lost, 0);
    struct store *st = history_open(&s);
    ck_assert_uint_eq(history_read(st, NULL).count, 3);
    ck_assert(!store_has_beside(st));
    store_close(&st);
    free(text);
    history_remove();
}
END_TEST

/* Else positions would be given twice. */
START_TEST(nothing_is_restored_where_a_store_of_another_history_is_left)
{
    struct store_settings s = history_settings();
    struct restored r;
    struct error err = {""};
    char line[] = "{\"id\":\"i\",\"topics\":[\"t\"],\"data\":\"d\"}\n", path[128], **names;
    make_both(&s);
    size_t n = history_names(".log", &names);
    for (size_t i = 0; i < n; i++) {
        history_file(path, names[i]);
        ck_assert_int_eq(unlink(path), 0);
    }
    history_free_names(names, n);
    FILE *in = input(line);
    ck_assert(!restore_from(in, &s, &r, &err));
    fclose(in);
    ck_assert_ptr_nonnull(strstr(err.text, "/subscriptions is of a history that was here"));
    history_remove();
    s = history_settings();
    struct pair p = pair_open(&s, &s, NULL); /* a hub was here, and kept nothing */
    pair_close(&p);
    in = input(line);
    ck_assert_msg(restore_from(in, &s, &r, &err), "%s", err.text);
    fclose(in);
    history_remove();
}
END_TEST

START_TEST(lines_that_say_what_is_not_known_are_told)
{
    static char lines[][120] = {
        "{\"id\":\"i\",\"topics\":[\"t\"],\"data\":\"d\",\"subscription\":\"middle\"}\n",
        "{\"id\":\"i\",\"topics\":[\"t\"],\"data\":\"d\",\"subscription\":true}\n",
        "{\"id\":\"i\",\"topics\":[\"t\"],\"data\":\"d\",\"dialect\":\"2.0\"}\n"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct store_settings s = history_settings();
        struct restored r;
        struct error err = {""};
        FILE *in = input(lines[i]);
        ck_assert(!restore_from(in, &s, &r, &err));
        ck_assert_ptr_nonnull(strstr(err.text, "is neither"));
        fclose(in);
        history_remove();
    }
}
END_TEST

/* What the command writes to standard output. */
static char *
ask(const char *what, int want)
{
    char command[16], name[16], *argv[] = {name, name, command, history_path, NULL};
    char *text = xalloc(65536);
    snprintf(command, sizeof command, "%s", what);
    snprintf(name, sizeof name, "history");
    FILE *file = tmpfile();
    fflush(stdout);
    int was = dup(STDOUT_FILENO);
    ck_assert_int_ge(dup2(fileno(file), STDOUT_FILENO), 0);
    int status = command_line(4, argv, NULL);
    fflush(stdout);
    dup2(was, STDOUT_FILENO);
    close(was);
    rewind(file);
    text[fread(text, 1, 65535, file)] = 0;
    fclose(file);
    ck_assert_msg(status == want, "%d: %s", status, text);
    return text;
}

START_TEST(stat_and_check_tell_of_both)
{
    static const char *const stat_lines[] = {"\nevents 3\n",
                                             "\nsegments 3\n",
                                             "\nlast 1-7\n",
                                             "\nsubscriptions records 6\n",
                                             "\nsubscriptions segments 3\n",
                                             "\nsubscriptions lost segments 0\n",
                                             "\nsubscriptions last 2-1\n"};
    static const char *const check_lines[] = {
        "0000000000000001-0000000000000001.log: 2 updates, ok",
        "subscriptions/0000000000000001-0000000000000001.log: 2 records, ok",
        "subscriptions/0000000000000002-0000000000000001.log: 1 records, ok", " files, ok\n"};
    const struct store_settings s = history_settings();
    char path[160];
    make_both(&s);
    char *text = ask("stat", 0);
    in_order(text, stat_lines, COUNT_OF(stat_lines));
    free(text);
    text = ask("check", 0);
    in_order(text, check_lines, COUNT_OF(check_lines));
    free(text);
    snprintf(path, sizeof path, "%s/subscriptions/%016x-%016x.log", history_path, 1, 1);
    history_flip(path, SEGMENT_HEADER + 100);
    text = ask("check", 1);
    ck_assert_ptr_nonnull(strstr(text, "DAMAGED before byte"));
    free(text);
    history_remove();
}
END_TEST

UNIT_MAIN("dump", begins_and_ends_are_dumped_in_their_place_and_marked,
          what_lies_before_damage_beside_is_dumped_as_lost, begins_and_ends_are_not_restored,
          nothing_is_restored_where_a_store_of_another_history_is_left,
          lines_that_say_what_is_not_known_are_told, stat_and_check_tell_of_both)
