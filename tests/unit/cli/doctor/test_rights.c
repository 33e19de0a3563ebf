/* Who may connect to a socket, asked for another user than ourselves. */

#include "cli/doctor/rights.h"

#include "unit/guard.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/alipes-rights-XXXXXX";
static char path[sizeof folder + 8];
static struct error why, add;

static void
make_place(void)
{
    ck_assert(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/socket", folder);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    ck_assert(fd >= 0);
    close(fd);
    ck_assert(chmod(folder, 0755) == 0);
}

static void
remove_place(void)
{
    unlink(path);
    rmdir(folder);
    memcpy(strrchr(folder, '-') + 1, "XXXXXX", 6);
}

START_TEST(the_modes_of_the_socket_decide_for_who_is_neither_owner_nor_of_its_group)
{
    make_place();
    ck_assert(!rights_may_connect("nobody", path, &why, &add));
    ck_assert(strstr(why.text, "has mode 0600") != NULL);
    ck_assert(strstr(add.text, "SocketGroup=nobody") != NULL);
    ck_assert(chmod(path, 0606) == 0);
    ck_assert(rights_may_connect("nobody", path, &why, &add));
    ck_assert(rights_may_connect("root", path, &why, &add));
    remove_place();
}
END_TEST

START_TEST(every_folder_of_its_path_must_be_open_too)
{
    make_place();
    ck_assert(chmod(path, 0606) == 0 && chmod(folder, 0700) == 0);
    ck_assert(!rights_may_connect("nobody", path, &why, &add));
    ck_assert(strstr(why.text, "it may not enter") != NULL && strstr(why.text, folder) != NULL);
    ck_assert(strstr(add.text, "chmod o+x") != NULL);
    remove_place();
}
END_TEST

START_TEST(a_socket_that_is_not_there_and_a_user_that_is_not_there_are_told_apart)
{
    ck_assert(!rights_may_connect("nobody", "/tmp/alipes-none/socket", &why, &add));
    ck_assert(strstr(why.text, "No such file or directory") != NULL);
    ck_assert(!rights_may_connect("alipes-no-such-user", "/tmp", &why, &add));
    ck_assert_str_eq(why.text, "");
}
END_TEST

UNIT_MAIN("cli/doctor/rights",
          the_modes_of_the_socket_decide_for_who_is_neither_owner_nor_of_its_group,
          every_folder_of_its_path_must_be_open_too,
          a_socket_that_is_not_there_and_a_user_that_is_not_there_are_told_apart)
