/* regex_back - back references, where two languages differ most.
 *
 * ECMAScript forgets what groups in a repetition matched whenever that begins anew, and refuses a
 * further round that consumed nothing. PCRE2 remembers, and accepts the round. In ECMAScript a
 * reference to a group that has not matched is the empty string; PCRE2 can be told that.
 *
 * So a reference is the same in both if no old value can be seen: the group matches in every
 * round, or was not repeated. And where the reference stands in the group, before it, or in
 * another alternative, it always is the empty string in ECMAScript, just because of the
 * forgetting. Anything that is neither is not translated. */

#include "topic/regex_back.h"

static unsigned
depth_of(const struct regex_node *n)
{
    unsigned depth = 0;
    for (; n->parent; n = n->parent)
        depth++;
    return depth;
}

/* The node of which both are part, and the parts. */
static const struct regex_node *
common(const struct regex_node **a, const struct regex_node **b)
{
    unsigned of_a = depth_of(*a), of_b = depth_of(*b);
    for (; of_a > of_b; of_a--)
        *a = (*a)->parent;
    for (; of_b > of_a; of_b--)
        *b = (*b)->parent;
    while ((*a)->parent != (*b)->parent) {
        *a = (*a)->parent;
        *b = (*b)->parent;
    }
    return *a == *b ? *a : (*a)->parent;
}

static bool
precedes(const struct regex_node *a, const struct regex_node *b)
{
    for (; a; a = a->next)
        if (a == b)
            return true;
    return false;
}

static bool
is_in_lookbehind(const struct regex_node *n)
{
    for (; n; n = n->parent)
        if (n->kind == REGEX_LOOK && n->behind)
            return true;
    return false;
}

/* From the group up to what it has in common with its reference, which stands behind it. */
static enum regex_back
judge_path(const struct regex_node *group, const struct regex_node *top)
{
    bool always = true, in_look = false; /* as seen from n */
    for (const struct regex_node *n = group->parent; n != top; n = n->parent) {
        if (n->kind == REGEX_LOOK && n->negative)
            return BACK_EMPTY;
        if (n->kind == REGEX_LOOK)
            in_look = true;
        if (n->kind == REGEX_CHOICE)
            always = false;
        if (n->kind != REGEX_REPEAT)
            continue;
        if (in_look || (n->max > 1 && (!always || n->first->may_be_empty)))
            return BACK_DIFFERS;
        if (n->min == 0)
            always = false;
    }
    for (const struct regex_node *n = top; n; n = n->parent)
        if (n->kind == REGEX_REPEAT && n->max > 1 && !always)
            return BACK_DIFFERS;
    return BACK_SAME;
}

enum regex_back
regex_back_judge(const struct regex_node *back, const struct regex_node *group)
{
    const struct regex_node *of_group = group, *of_back = back;
    const struct regex_node *top = common(&of_group, &of_back);
    if (top == group)
        return BACK_EMPTY;
    if (is_in_lookbehind(top))
        return BACK_DIFFERS; /* read from right to left */
    if (top->kind == REGEX_CHOICE || !precedes(of_group, of_back))
        return BACK_EMPTY;
    return judge_path(group, top);
}
