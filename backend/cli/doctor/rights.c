/* rights - modes, owners and groups, walked from the root to a socket. */

#include "cli/doctor/rights.h"

#include "base/alloc.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MAX_GROUPS = 256
};

struct person {
    const char *name;
    uid_t uid;
    gid_t groups[MAX_GROUPS];
    int count;
};

static bool
find_person(struct person *p, const char *name)
{
    const struct passwd *user = getpwnam(name);
    p->name = name;
    p->count = MAX_GROUPS;
    if (user == NULL)
        return false;
    p->uid = user->pw_uid;
    return getgrouplist(name, user->pw_gid, p->groups, &p->count) >= 0;
}

static bool
is_in(const struct person *p, gid_t group)
{
    for (int i = 0; i < p->count; i++)
        if (p->groups[i] == group)
            return true;
    return false;
}

/* `bit`: of S_IRWXO. */
static bool
may(const struct person *p, const struct stat *st, mode_t bit)
{
    if (p->uid == 0)
        return true;
    if (p->uid == st->st_uid)
        return st->st_mode & bit << 6;
    if (is_in(p, st->st_gid))
        return st->st_mode & bit << 3;
    return st->st_mode & bit;
}

/* Each folder that the path leads through. */
static bool
may_pass(const struct person *p, const char *path, struct error *err, struct error *ret_add)
{
    char *part = xstrndup(path, strlen(path));
    struct stat st;
    bool ok = true;
    for (char *slash = strchr(part + 1, '/'); ok && slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (stat(part, &st) != 0)
            ok = error_set(err, "%s: %s", part, strerror(errno));
        else if (!may(p, &st, S_IXOTH))
            ok = error_set(err, "it may not enter %s", part);
        if (!ok)
            error_set(ret_add, "chmod o+x %s, or a socket under /run/alipes", part);
        *slash = '/';
    }
    free(part);
    return ok;
}

bool
rights_may_connect(const char *user, const char *socket, struct error *err, struct error *ret_add)
{
    struct person person;
    struct stat st;
    *err = *ret_add = (struct error){""};
    if (!find_person(&person, user))
        return false;
    if (!may_pass(&person, socket, err, ret_add))
        return false;
    if (stat(socket, &st) != 0) {
        error_set(ret_add, "systemctl enable --now alipes.socket");
        return error_set(err, "%s: %s", socket, strerror(errno));
    }
    if (may(&person, &st, S_IWOTH))
        return true;
    const struct group *group = getgrgid(st.st_gid);
    error_set(ret_add,
              "SocketGroup=%s in alipes.socket (systemctl edit alipes.socket; systemctl restart "
              "alipes.socket), or listen unix/%s|0660|%s",
              user, socket, user);
    return error_set(err, "%s has mode %04o and group %s", socket, (unsigned)st.st_mode & 07777u,
                     group ? group->gr_name : "?");
}
