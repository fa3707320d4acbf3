vm_image(vm PYTHON service BASE minimal)
