def write_page(folder, facts, trials):
    return folder
