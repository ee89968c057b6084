"""What control could leave behind on a pipeline."""


def residue(pipe):
    """Everything that control could leave behind: attributes of modules, pipeline and scheduler, hooks, processors."""
    modules = [
        m
        for name in ("transformer", "transformer_2")
        if getattr(pipe, name, None)
        for m in getattr(pipe, name).modules()
    ]
    owners = [*modules, pipe, pipe.scheduler]
    hooks = [len(m._forward_pre_hooks) + len(m._forward_hooks) + len(m._forward_hooks_always_called) for m in modules]
    processors = [id(m.processor) for m in modules if hasattr(m, "processor")]
    return [sorted(vars(owner)) for owner in owners], hooks, processors
