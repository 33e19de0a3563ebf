"""What the models have in common: each reading is looked through, and said to be what it must be."""
import time


def tell(model, whole, larger, readings, names):
    """Says of each what it must be, or is not. 1: one is not."""
    deep = "--deep" in names
    names = [n for n in names if n != "--deep"]
    wrong = 0
    for name, settings in {**whole, **(larger if deep or names else {}), **readings}.items():
        if names and name not in names:
            continue
        began = time.time()
        broken, way, states = model(**settings).check()
        good = (broken is not None) == (name in readings)
        wrong += not good
        print("%-20s %s, %d states, %.1f s: %s" % (
            name, "as it must be" if good else "WRONG", states, time.time() - began,
            broken or "holds"), flush=True)
        if not good or names:
            for step in way:
                print("    ", step)
    return 1 if wrong else 0
