/* What this machine has not: looked for, and nothing left behind. */

#include "config/trial.h"

#include "base/buf.h"
#include "unit/config/text.h"
#include "unit/guard.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/alipes-unit-XXXXXX";
static struct config *config;

/* In a folder with a file, a folder, and a PEM. */
static void
make_folder(void)
{
    ck_assert_ptr_ne(mkdtemp(folder), NULL);
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(mkdir("folder", 0755), 0);
    ck_assert_int_eq(close(open("file", O_CREAT | O_WRONLY, 0644)), 0);
    FILE *f = fopen("ca.pem", "w");
    ck_assert_ptr_ne(f, NULL);
    fputs("-----BEGIN CERTIFICATE-----\n", f);
    fclose(f);
}

static void
remove_folder(void)
{
    ck_assert_int_eq(unlink("file") | unlink("ca.pem") | rmdir("folder"), 0);
    ck_assert_int_eq(rmdir(folder), 0); /* so nothing else was made */
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
}

/* @ stands for the folder. */
static void
try(const char *text)
{
    struct error err;
    struct buf whole;
    buf_init(&whole, 4096);
    for (; *text; text++)
        if (*text == '@')
            buf_addf(&whole, "%s", folder);
        else
            buf_add_byte(&whole, *text);
    config_free(&config);
    config = config_new();
    ck_assert_msg(config_parse(config, buf_slice(&whole), "t", &err), "%s", err.text);
    buf_fini(&whole);
    trial_run(config);
}

static const struct {
    const char *text, *words; /* NULL: nothing is wrong */
} rows[] = {
    {"transport log { path @/new }", NULL},
    {"transport log { path @/new/and/newer }", NULL},
    {"transport log { path @/folder }", NULL},
    {"transport log { path new }", NULL},
    {"transport log { path @/file }", "t:1: transport: @/file: Not a directory"},
    {"transport log { path @/file/new }", "Not a directory"},
    {"transport memory\nlog logfmt info @/folder/new.log", NULL},
    {"transport memory\nlog logfmt info @/file", NULL},
    {"transport memory\nlog logfmt info new.log", NULL},
    {"transport memory\nlog logfmt info @/folder", "t:2: log: @/folder: Is a directory"},
    {"transport memory\nlog logfmt info @/none/new.log", "t:2: log: @/none: No such file"},
    {"transport memory\nlog logfmt info @/file/new.log", "Not a directory"},
    {"transport memory\nlisten unix/@/new.sock|0660|root", NULL},
    {"transport memory\nlisten unix//run/alipes-unit/none.sock", NULL},
    {"transport memory\nlisten 127.0.0.1:1", NULL},
    {"transport memory\nlisten unix/@/new.sock|0660|no-such-group",
     "t:2: listen: there is no group no-such-group"},
    {"transport memory\nmetrics_listen unix/@/none/a.sock",
     "t:2: metrics_listen: @/none: No such file"},
    {"transport memory\nlisten unix/@/file", "t:2: listen: @/file: it exists and is not a socket"},
    {"transport memory\njwks_ca @/ca.pem", NULL},
    {"transport memory\njwks_ca @/none.pem", "t:2: jwks_ca: cannot read @/none.pem"},
    {"transport memory\njwks_ca @/file", "t:2: jwks_ca: @/file holds no certificate"},
};

START_TEST(what_is_missing_is_named_and_nothing_is_made)
{
    make_folder();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        try(rows[i].text);
        const char *said = config->errors.count ? config->errors.items[0] : "";
        ck_assert_msg((rows[i].words == NULL) == (said[0] == 0), "row %zu: %s", i, said);
        char words[300] = "";
        for (const char *w = rows[i].words; w && *w; w++)
            snprintf(words + strlen(words), sizeof words - strlen(words), "%.*s%s", *w != '@', w,
                     *w == '@' ? folder : "");
        ck_assert_msg(strstr(said, words), "row %zu: %s", i, said);
    }
    config_free(&config);
    remove_folder();
}
END_TEST

/* Root may everything: as somebody else, in a process of its own. */
START_TEST(what_may_not_be_written_is_named_with_the_user)
{
    make_folder();
    ck_assert_int_eq(chmod("folder", 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        try("transport log { path @/folder/new }\nlog logfmt info @/folder/new.log\n");
        bool ok = config->errors.count == 2;
        for (size_t i = 0; i < config->errors.count; i++)
            ok &= strstr(config->errors.items[i], "cannot be made: Permission denied (as user ") !=
                  NULL;
        try("transport memory\nlisten unix/@/folder/a.sock\n");
        ok &= config->errors.count == 0 && config->notes.count == 1 &&
              strstr(config->notes.items[0], "handed over") != NULL;
        _exit(ok ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    remove_folder();
}
END_TEST

UNIT_MAIN("config/trial", what_is_missing_is_named_and_nothing_is_made,
          what_may_not_be_written_is_named_with_the_user)
