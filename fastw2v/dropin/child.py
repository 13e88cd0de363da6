"""The main module of a process that a script under `fastw2v run` has spawned; see `spawned`."""

if __name__ == "__mp_main__":
    from fastw2v.dropin.spawned import become_script

    become_script(globals())
