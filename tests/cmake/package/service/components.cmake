set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL daemon tools)
vm_image(all-vm COMMAND sh -c service)
